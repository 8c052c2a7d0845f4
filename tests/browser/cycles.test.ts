import { beforeAll, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { tinyLlama } from "./harness/chats.js";
import { hasChromium, measuresMemory } from "./harness/chromium.js";
import { hostModel, tinyGguf } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

interface Models {
  bert: ModelManifest;
  llama: ModelManifest;
}

/** In the page: makes one and destroys it, so many times, a few at the same time. */
type Cycles = (job: { models: Models; count: number }) => Promise<void>;

const KINDS: Record<string, Cycles> = {
  "an index": async ({ count }) => {
    const cycle = async () => {
      const index = await inglenook.VectorIndex.create({ dimensions: 4 });
      await index.add([Float32Array.of(1, 2, 3, 4)]);
      index.destroy();
    };
    for (let i = 0; i < count; i += 2) await Promise.all([cycle(), cycle()]);
  },

  "an embedder": async ({ models, count }) => {
    const cycle = async () => {
      const embedder = await inglenook.Embedder.create({ model: models.bert, device: "cpu" });
      await embedder.embed(["a text"]);
      embedder.destroy();
    };
    for (let i = 0; i < count; i += 2) await Promise.all([cycle(), cycle()]);
  },

  "a session": async ({ models, count }) => {
    const cycle = async () => {
      const options = { model: models.llama, device: "cpu", maxTokens: 2 } as const;
      const session = await inglenook.LanguageModel.create(options);
      await session.prompt("blue to");
      session.destroy();
    };
    for (let i = 0; i < count; i += 2) await Promise.all([cycle(), cycle()]);
  },
};

const [FIRST, ALL] = [200, 1000];

describe.skipIf(!hasChromium || !measuresMemory)("a thousand times made and destroyed", () => {
  const site = useChromium({ fresh: true });
  let models: Models;

  beforeAll(() => {
    models = {
      bert: hostModel(site.server, tinyGguf()),
      llama: hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") }),
    };
  });

  /** What the page has, once everything has come to rest. */
  async function measure() {
    const megabytes = await site.chromium.quietMegabytes(site.opened);
    const { heap, locks } = await site.opened.page.evaluate(async () => {
      const { memory } = performance as unknown as { memory: { usedJSHeapSize: number } };
      const { held = [], pending = [] } = await navigator.locks.query();
      return { heap: memory.usedJSHeapSize / 2 ** 20, locks: held.length + pending.length };
    });
    return { megabytes, heap, locks };
  }

  it.each(Object.entries(KINDS))(
    "%s leaves nothing behind",
    async (name, cycles) => {
      const { page, errors } = site.opened;
      // The browser compiles a build once for all workers that run it at the same time: one stays.
      await page.evaluate(async () => {
        Object.assign(globalThis, { held: await inglenook.VectorIndex.create({ dimensions: 1 }) });
      });
      const workers = page.workers().length;
      const seen: Awaited<ReturnType<typeof measure>>[] = [];
      for (const count of [FIRST, ALL - FIRST]) {
        await page.evaluate(cycles, { models, count });
        await expect.poll(() => page.workers().length, { timeout: 10_000 }).toBe(workers);
        seen.push(await measure());
      }
      const [first, last] = seen as [(typeof seen)[0], (typeof seen)[0]];
      console.log(`${name}: ${JSON.stringify(seen)} after ${FIRST} and ${ALL}`);
      expect(last.locks).toBe(first.locks);
      expect(last.heap).toBeLessThan(first.heap + 1);
      // Of a worker, eight hundred would leave more if each left a thirtieth of a megabyte.
      expect(last.megabytes).toBeLessThan(first.megabytes + 20);
      expect(errors).toEqual([]);
    },
    600_000,
  );
});
