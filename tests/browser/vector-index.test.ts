import { describe, expect, it } from "vitest";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

interface Sizes {
  count: number;
  dimensions: number;
  queries: number;
  k: number;
}

/** In the page: searches made-up vectors with the index and with a plain loop. */
async function compare({ count, dimensions, queries, k }: Sizes) {
  let state = 12345;
  const number = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
  const vector = () => Float32Array.from({ length: dimensions }, number);
  const all: Float32Array[] = [];
  const index = await inglenook.VectorIndex.create({ dimensions });
  while (all.length < count) {
    const some = Array.from({ length: Math.min(4000, count - all.length) }, vector);
    await index.add(some);
    all.push(...some);
  }
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
  const answers = [];
  const times = [];
  for (let i = 0; i < queries; i++) {
    const query = vector();
    const before = performance.now();
    const found = await index.search(query, { k });
    times.push(performance.now() - before);
    const scores = all.map((vector, index) => ({ index, score: dot(vector, query) }));
    answers.push({ found, expected: scores.sort((a, b) => b.score - a.score).slice(0, k) });
  }
  const { size } = index;
  index.destroy();
  return { answers, size, times };
}

describe.skipIf(!hasChromium)("VectorIndex", () => {
  const site = useChromium();

  it.each([
    { count: 1, dimensions: 1, queries: 1, k: 3 },
    { count: 500, dimensions: 7, queries: 20, k: 10 },
    { count: 3000, dimensions: 384, queries: 5, k: 25 },
    { count: 100_000, dimensions: 384, queries: 5, k: 10 },
  ])("finds what a plain loop finds among $count × $dimensions", async (sizes) => {
    const { answers, size, times } = await site.opened.page.evaluate(compare, sizes);
    expect(size).toBe(sizes.count);
    for (const { found, expected } of answers) {
      expect(found.map(({ index }) => index)).toEqual(expected.map(({ index }) => index));
      found.forEach(({ score }, i) => {
        expect(score).toBeCloseTo(expected[i]?.score ?? Number.NaN, 3);
      });
    }
    const taken = times.map((ms) => ms.toFixed(1)).join(", ");
    if (sizes.count >= 100_000) console.log(`Searches among ${size} vectors took ${taken} ms.`);
  });

  it("counts on over several additions, prefers the earlier among equals, and forgets", async () => {
    const found = await site.opened.page.evaluate(async () => {
      const index = await inglenook.VectorIndex.create({ dimensions: 2 });
      const search = async () =>
        (await index.search(Float32Array.of(1, 0), { k: 2 })).map((hit) => hit.index);
      const seen: unknown[] = [index.size, await search()];
      await index.add([]);
      await index.add([Float32Array.of(1, 0), Float32Array.of(0, 1)]);
      await index.add([Float32Array.of(1, 0), Float32Array.of(2, 0)]);
      seen.push(index.size, await search());
      const many = (await index.search(Float32Array.of(1, 1), { k: 1e6 })).length;
      await index.clear();
      seen.push(many, index.size, await search());
      await index.add([Float32Array.of(3, 0)]);
      seen.push(await search());
      index.destroy();
      return seen;
    });
    expect(found).toEqual([0, [], 4, [3, 0], 4, 0, [], [0]]);
  });

  it("copies what it is given", async () => {
    const found = await site.opened.page.evaluate(async () => {
      const index = await inglenook.VectorIndex.create({ dimensions: 2 });
      const vector = Float32Array.of(1, 0);
      const adding = index.add([vector]);
      vector[0] = 7;
      await adding;
      const [hit] = await index.search(Float32Array.of(1, 0));
      index.destroy();
      return { score: hit?.score, length: vector.length };
    });
    expect(found).toEqual({ score: 1, length: 2 });
  });

  it("adds all of a large batch or none of it", async () => {
    const found = await site.opened.page.evaluate(async () => {
      const dimensions = 2 ** 16;
      const vector = (value: number) => new Float32Array(dimensions).fill(value);
      const index = await inglenook.VectorIndex.create({ dimensions });
      await index.add([vector(1)]);
      // More than goes into the instance at once; only the last of them is bad.
      const bad = [...Array.from({ length: 40 }, () => vector(2)), vector(Number.NaN)];
      const refused = await outcomeOf(index.add(bad));
      await index.add([vector(3)]);
      const hits = await index.search(vector(1), { k: 99 });
      const { size } = index;
      index.destroy();
      return { refused, size, places: hits.map(({ index }) => index) };
    });
    expect(found).toMatchObject({ refused: { ok: false, code: "invalid-input" }, size: 2, places: [1, 0] });
  });

  it("refuses what it cannot use, and goes on", async () => {
    const found = await site.opened.page.evaluate(async () => {
      const { VectorIndex } = inglenook;
      const impossible = [0, -1, 1.5, Number.NaN, 2 ** 40, "3" as unknown as number];
      const refused = impossible.map((dimensions) => outcomeOf(VectorIndex.create({ dimensions })));
      const index = await VectorIndex.create({ dimensions: 2 });
      const [short, long, empty] = [1, 3, 0].map((length) => new Float32Array(length)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const good = Float32Array.of(1, 2);
      refused.push(
        outcomeOf(index.add([good, short])),
        outcomeOf(index.add([long])),
        outcomeOf(index.add([empty])),
        outcomeOf(index.add([[1, 2] as unknown as Float32Array])),
        outcomeOf(index.add([Float32Array.of(Number.NaN, 1)])),
        outcomeOf(index.search(long)),
        outcomeOf(index.search(Float32Array.of(Number.POSITIVE_INFINITY, 1))),
        outcomeOf(index.search(good, { k: 0 })),
        outcomeOf(index.search(good, { k: 1.5 })),
      );
      const outcomes = await Promise.all(refused);
      await index.add([good]);
      const hits = await index.search(good, { k: 2 ** 31 });
      const { size } = index;
      index.destroy();
      return { outcomes, hits, size };
    });
    for (const outcome of found.outcomes) expect(outcome).toMatchObject({ ok: false, code: "invalid-input" });
    expect(found).toMatchObject({ hits: [{ index: 0, score: 5 }], size: 1 });
    expect(await workersLeft(site.opened.page)).toBe(0);
    expect(site.server.paths.join()).not.toContain("inglenook_gpu");
  });
});
