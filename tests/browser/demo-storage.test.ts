/** The demo says so where the browser does not keep its model. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { TINY } from "./harness/chat-page.js";
import { hasChromium } from "./harness/chromium.js";
import { useChromium } from "./harness/use-chromium.js";

describe.skipIf(!hasChromium)("the demo without room for its model", () => {
  const site = useChromium({ root: join(ROOT, "dist") });

  it.each(["index.html", "chat.html"])("says on %s that it will be fetched again", async (path) => {
    const { page, context, errors } = await site.chromium.open(site.server, path);
    const session = await context.newCDPSession(page);
    const { origin } = new URL(site.server.url);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1_000_000 });
    const status = page.getByRole("status").filter({ hasText: "no room to keep the model" });
    const ready = () => page.waitForSelector('body[data-model="ready"]', { timeout: 60_000 });
    await page.waitForSelector('body[data-model="absent"]');
    expect(await status.count()).toBe(0);
    await page.click("#load-model");
    await ready();
    expect(await status.textContent()).toContain("it is fetched at every visit");
    expect(await status.isVisible()).toBe(true);
    if (path === "chat.html") {
      await page.setInputFiles("#model-input", TINY);
      await ready();
      await expect.poll(() => status.count()).toBe(0);
    }
    expect(errors).toEqual([]);
    await context.close();
  });
});
