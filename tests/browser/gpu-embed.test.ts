import { beforeEach, describe, expect, it } from "vitest";
import type { Embedder } from "../../web/src/index.js";
import { hasChromium } from "./harness/chromium.js";
import { largestDifference, pick, tinyBert } from "./harness/goldens.js";
import { COUNTED_GPU, gpuCounts } from "./harness/gpu-counts.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

/** What a test leaves in the page. */
interface Held {
  embedder: Embedder;
}

/** Blocks of the tiny model. */
const LAYERS = 2;
/** For each block, and besides. */
const MOST_DISPATCHES = 8 * LAYERS + 4;

describe.skipIf(!hasChromium)("the encoder on WebGPU, computed by the processor", () => {
  const site = useChromium({ gpu: true, fresh: true });

  beforeEach(() => site.server.setPrelude(COUNTED_GPU));

  it("computes a batch in few dispatches, and compiles nothing more for other lengths", async () => {
    const model = hostModel(site.server, tinyFolder());
    const golden = tinyBert();
    const embed = async (indices: number[]) => {
      const { texts, vectors } = pick(golden, indices);
      const found = await site.opened.page.evaluate(
        async (texts) => [...(await (globalThis as unknown as Held).embedder.embed(texts))],
        texts,
      );
      expect(largestDifference(found, vectors)).toBeLessThanOrEqual(1e-4);
      return gpuCounts(site.opened.page);
    };
    await site.opened.page.evaluate(async (model) => {
      const embedder = await inglenook.Embedder.create({ model, device: "webgpu" });
      Object.assign(globalThis, { embedder });
    }, model);
    const first = await embed([0]);
    const one = await embed([12]);
    const all = await embed(golden.texts.map((_, i) => i));
    expect(first.pipelines).toBeGreaterThan(0);
    expect([one.pipelines, all.pipelines]).toEqual([first.pipelines, first.pipelines]);
    expect(one.dispatches - first.dispatches).toBeGreaterThan(0);
    expect(one.dispatches - first.dispatches).toBeLessThanOrEqual(MOST_DISPATCHES);
    expect(all.dispatches - one.dispatches).toBeLessThanOrEqual(MOST_DISPATCHES);
    console.log(`GPU calls: ${JSON.stringify({ first, one, all })}`);
  });
});
