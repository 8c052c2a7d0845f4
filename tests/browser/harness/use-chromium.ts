import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { Chromium, type OpenPage } from "./chromium.js";
import { TestServer } from "./server.js";

/** What the tests of a block work with. */
export interface Site {
  server: TestServer;
  chromium: Chromium;
  opened: OpenPage;
}

/**
 * Opens a server, a Chromium and a page for the tests of a block, and closes them afterwards.
 *
 * @param options.gpu  with the software adapter
 * @param options.root  what the server serves; the tests' own page otherwise
 * @param options.serviceWorkers  blocked otherwise
 * @param options.fresh  with a page, and a storage, of its own for every test
 */
export function useChromium({
  gpu = false,
  fresh = false,
  root,
  serviceWorkers,
}: {
  gpu?: boolean;
  fresh?: boolean;
  root?: string;
  serviceWorkers?: "allow" | "block";
} = {}): Site {
  const site = {} as Site;
  const open = async () => {
    site.opened = await site.chromium.open(site.server, "", undefined, serviceWorkers);
  };

  beforeAll(async () => {
    site.server = await TestServer.start({ root });
    site.chromium = await Chromium.launch({ gpu });
    if (!fresh) await open();
  });
  if (fresh) {
    beforeEach(open);
    afterEach(() => site.opened.context.close());
  }
  afterAll(async () => {
    await site.chromium?.close();
    await site.server?.stop();
  });
  return site;
}
