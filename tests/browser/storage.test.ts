import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { hasChromium } from "./harness/chromium.js";
import { largestDifference, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { dripping } from "./harness/replies.js";
import { useChromium } from "./harness/use-chromium.js";

const GOLDEN = tinyBert();
const FILES = tinyFolder();
const BYTES = Object.values(FILES).reduce((sum, { length }) => sum + length, 0);

/** In the page: makes an embedder, uses it, and tells what it cost. */
async function use({ model, texts }: { model: ModelManifest; texts: string[] }) {
  const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
  const vectors = [...(await embedder.embed(texts))];
  const { bytesFetched } = embedder;
  embedder.destroy();
  return { vectors, bytesFetched, availability: await inglenook.Embedder.availability({ model }) };
}

describe.skipIf(!hasChromium)("the cache, and pages that close", () => {
  const site = useChromium({ fresh: true });
  let model: ModelManifest;

  beforeAll(async () => {
    model = hostModel(site.server, FILES);
  });

  beforeEach(async () => {
    site.server.setPrelude();
  });

  const noFiles = `StorageManager.prototype.getDirectory = async () => { throw new TypeError("none"); };`;

  it.each([
    ["is missing", `Object.defineProperty(WorkerGlobalScope.prototype, "caches", { get: () => undefined });`],
    [
      "is refused",
      `CacheStorage.prototype.open = async () => { throw new DOMException("no", "SecurityError"); };`,
    ],
    ["is full", `Cache.prototype.put = async () => { throw new DOMException("no", "QuotaExceededError"); };`],
    [
      "becomes full",
      `const put = Cache.prototype.put;
       Cache.prototype.put = async function (key, response) {
         await response.body?.getReader().read();
         throw new DOMException("no", "QuotaExceededError");
       };`,
    ],
    [
      "cannot be read",
      `Cache.prototype.match = async () => { throw new DOMException("no", "UnknownError"); };`,
    ],
  ])("is done without where it %s", async (_, prelude) => {
    site.server.setPrelude(noFiles + prelude);
    for (let round = 0; round < 2; round++) {
      const found = await site.opened.page.evaluate(use, { model, texts: GOLDEN.texts });
      expect(largestDifference(found.vectors, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
      expect(found.bytesFetched).toBe(BYTES);
    }
    expect(site.opened.errors).toEqual([]);
  });

  it("holds a model that two embedders have downloaded at the same time", async () => {
    const input = { model, texts: GOLDEN.texts };
    const both = await Promise.all([
      site.opened.page.evaluate(use, input),
      site.opened.page.evaluate(use, input),
    ]);
    for (const { vectors } of both)
      expect(largestDifference(vectors, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
    const third = await site.opened.page.evaluate(use, { model, texts: GOLDEN.texts });
    expect(third).toMatchObject({ bytesFetched: 0, availability: "available" });
    expect(largestDifference(third.vectors, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
  });

  it("does not take half a file for a whole one when the page is closed in the middle", async () => {
    const weights = FILES["model.safetensors"] as Uint8Array;
    const slow = dripping(weights, { parts: 40, everyMs: 50 });
    const slowModel = hostModel(site.server, FILES, { "model.safetensors": slow });
    await site.opened.page.evaluate(async (model) => {
      await new Promise<void>((resolve) => {
        const monitor = (monitor: EventTarget) =>
          monitor.addEventListener("downloadprogress", (event) => {
            if ((event as unknown as { loaded: number }).loaded > 0.5) resolve();
          });
        void inglenook.Embedder.create({ model, monitor });
      });
    }, slowModel);
    const next = await site.opened.context.newPage();
    await next.goto(site.server.url);
    await site.opened.page.close();
    await next.waitForFunction(() => "inglenook" in globalThis);
    const availability = await next.evaluate(
      (model) => inglenook.Embedder.availability({ model }),
      slowModel,
    );
    expect(availability).toBe("downloadable");
    const found = await next.evaluate(use, { model: slowModel, texts: GOLDEN.texts });
    // The small files came whole before.
    expect(found).toMatchObject({ bytesFetched: weights.length, availability: "available" });
    expect(largestDifference(found.vectors, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
  });
});
