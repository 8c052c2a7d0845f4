import { afterAll, beforeAll } from "vitest";
import type { Engine, EngineKind } from "./engine.js";
import { TestServer } from "./server.js";

/** What the tests of a block in one browser work with. */
export interface EngineSite {
  server: TestServer;
  engine: Engine;
}

/** Opens a server and a page in this browser for the tests of a block, and closes them afterwards. */
export function useEngine(kind: EngineKind): EngineSite {
  const site = {} as EngineSite;

  beforeAll(async () => {
    site.server = await TestServer.start();
    site.engine = await kind.open(site.server.url);
    // WebKit under automation is a private window, where a cache is gone once neither page nor worker holds it.
    await site.engine.run(async () => {
      Object.assign(globalThis, { held: await caches.open("inglenook-v1") });
    }, null);
  });

  afterAll(async () => {
    await site.engine?.close();
    await site.server?.stop();
  });
  return site;
}
