import { describe, expect, it } from "vitest";
import { hasChromium, measuresMemory, workersLeft, workersNow } from "./harness/chromium.js";
import { largestDifference, lowestCosine, miniLm, pick } from "./harness/goldens.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

const F32 = "all-minilm-l6-v2";

/** What the tests leave in the page between two scripts. */
interface Held {
  embedder: { destroy(): void };
  index: { destroy(): void };
}

describe.skipIf(!hasChromium)("several models, and their memory", () => {
  const site = useChromium();

  it("keeps two embedders that work at the same time apart", async () => {
    const golden = pick(
      miniLm(),
      Array.from({ length: 60 }, (_, i) => i * 2),
    );
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const { Embedder } = inglenook;
        const order: string[] = [];
        const [exact, small] = await Promise.all([
          Embedder.create({ model, device: "cpu" }),
          Embedder.create({ device: "cpu" }),
        ]);
        const run = (embedder: typeof exact, name: string) =>
          embedder.embed(texts, { onProgress: () => order.push(name) });
        // Twice each, so that calls also take turns inside one embedder.
        const [a, b, c, d] = await Promise.all([
          run(exact, "exact"),
          run(small, "small"),
          run(exact, "exact"),
          run(small, "small"),
        ]);
        exact.destroy();
        small.destroy();
        return { exact: [[...a], [...c]], small: [[...b], [...d]], order };
      },
      [F32, golden.texts] as const,
    );
    for (const vectors of found.exact) {
      expect(largestDifference(vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
    }
    for (const vectors of found.small) {
      expect(lowestCosine(vectors, golden.vectors)).toBeGreaterThanOrEqual(0.999);
      expect(largestDifference(vectors, golden.vectors)).toBeGreaterThan(1e-5);
    }
    const first = found.order.indexOf("small");
    expect(first).toBeGreaterThanOrEqual(0);
    expect(found.order.lastIndexOf("exact")).toBeGreaterThan(first);
  });

  it.skipIf(!measuresMemory)("gives the memory back, every time", async () => {
    const { page } = site.opened;
    expect(await workersLeft(page)).toBe(0);
    const before = await site.chromium.quietMegabytes(site.opened);
    const after: number[] = [];
    for (let round = 0; round < 3; round++) {
      await page.evaluate(async (model) => {
        const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
        await embedder.embed(["a text"]);
        Object.assign(globalThis, { embedder });
      }, F32);
      expect(workersNow(page)).toBe(1);
      const during = await site.chromium.rendererMegabytes();
      expect(during - before).toBeGreaterThan(90);
      await page.evaluate(() => {
        // The object itself is kept: it is `destroy` that frees, not the garbage collector.
        (globalThis as unknown as Held).embedder.destroy();
      });
      expect(await workersLeft(page)).toBe(0);
      after.push(await site.chromium.quietMegabytes(site.opened));
      expect(after[round]).toBeLessThan(before + 0.2 * (during - before));
    }
    const [first = 0, , last = Number.NaN] = after;
    expect(last).toBeLessThan(first + 15);
  });

  it.skipIf(!measuresMemory)("gives an index's memory back", async () => {
    const { page } = site.opened;
    const before = await site.chromium.quietMegabytes(site.opened);
    await page.evaluate(async () => {
      const index = await inglenook.VectorIndex.create({ dimensions: 384 });
      const vectors = Array.from({ length: 2000 }, () => new Float32Array(384));
      for (let i = 0; i < 40; i++) await index.add(vectors);
      Object.assign(globalThis, { index });
    });
    const during = await site.chromium.quietMegabytes(site.opened);
    expect(during - before).toBeGreaterThan(100);
    await page.evaluate(() => (globalThis as unknown as Held).index.destroy());
    expect(await site.chromium.quietMegabytes(site.opened)).toBeLessThan(before + 0.2 * (during - before));
  });
});
