/** What the demo fetches until it is painted and stands still: no weights, no wasm, and few bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { hasChromium } from "./harness/chromium.js";
import { useChromium } from "./harness/use-chromium.js";

const SITE = join(ROOT, "dist");

/** Of each page, how many bytes after brotli it may fetch before anything is asked of it. The first has its samples with it. */
const BUDGETS = [
  ["index.html", 60_000],
  ["chat.html", 32_000],
] as const;

describe.skipIf(!hasChromium).each(BUDGETS)("the first paint of %s", (name, budget) => {
  const site = useChromium({ root: SITE, fresh: true });

  it("comes without weights and wasm, in few bytes", async () => {
    site.server.requests.length = 0;
    const { page, context } = await site.chromium.open(site.server, name);
    await page.waitForSelector('body[data-model="absent"]', { state: "attached" });
    await page.waitForLoadState("networkidle");
    const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint").length);
    await context.close();
    expect(painted).toBe(1);
    const fetched = [...new Set(site.server.paths)];
    expect(fetched).toContain(`/${name}`);
    expect(fetched.filter((path) => /\/models\/|\.wasm$/.test(path))).toEqual([]);
    const bytes = fetched.map((path) => brotliCompressSync(readFileSync(join(SITE, path))).length);
    const total = bytes.reduce((sum, size) => sum + size, 0);
    console.log(`${name}: ${total} bytes in ${fetched.length} files`);
    expect(total).toBeLessThanOrEqual(budget);
  });

  it("does not wait for a script", async () => {
    const { context, page } = site.opened;
    await context.route("**/*.js", (route) => route.abort());
    await page.goto(site.server.url + name);
    await expect
      .poll(() => page.evaluate(() => performance.getEntriesByName("first-contentful-paint").length))
      .toBe(1);
    expect(await page.isVisible("h1")).toBe(true);
  });
});
