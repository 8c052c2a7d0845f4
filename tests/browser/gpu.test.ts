import { describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { largestDifference, miniLm, normalised, pick, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder, tinyGguf } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

/** In the page: embeds on WebGPU and on the CPU. */
async function embedOnBoth({ model, texts }: { model: string | ModelManifest; texts: string[] }) {
  const found = { webgpu: [] as Float32Array[], cpu: [] as Float32Array[], said: [] as unknown[] };
  for (const device of ["webgpu", "cpu"] as const) {
    const embedder = await inglenook.Embedder.create({ model, device });
    found[device] = [...(await embedder.embed(texts))];
    found.said.push({ device: embedder.device, fallback: embedder.fallback });
    embedder.destroy();
  }
  return found;
}

const BOTH = [
  { device: "webgpu", fallback: null },
  { device: "cpu", fallback: null },
];

describe.skipIf(!hasChromium)("on WebGPU, computed by the processor", () => {
  const site = useChromium({ gpu: true });

  it.each(["tiny-bert-cls", "tiny-bert-relu", "tiny-bert-gelu-new"])(
    "computes the vectors of %s",
    async (name) => {
      const golden = tinyBert(name);
      const model = hostModel(site.server, tinyFolder(name));
      const found = await site.opened.page.evaluate(embedOnBoth, { model, texts: golden.texts });
      expect(found.said).toEqual(BOTH);
      expect(largestDifference(found.webgpu, found.cpu)).toBeLessThanOrEqual(1e-4);
      expect(largestDifference(found.webgpu, golden.vectors)).toBeLessThanOrEqual(1e-4);
    },
  );

  it("computes the vectors of a quantised GGUF", async () => {
    const golden = normalised(tinyBert("tiny-bert-cls", "model-q8_0.gguf"));
    const model = hostModel(site.server, tinyGguf("model-q8_0.gguf"));
    const found = await site.opened.page.evaluate(embedOnBoth, { model, texts: golden.texts });
    expect(largestDifference(found.webgpu, found.cpu)).toBeLessThanOrEqual(1e-4);
    expect(largestDifference(found.webgpu, golden.vectors)).toBeLessThanOrEqual(1e-4);
  });

  it("computes the vectors of the F32 model", async () => {
    const golden = pick(miniLm(), [0, 10, 18]);
    const found = await site.opened.page.evaluate(embedOnBoth, {
      model: "all-minilm-l6-v2",
      texts: golden.texts,
    });
    expect(found.said).toEqual(BOTH);
    expect(largestDifference(found.webgpu, found.cpu)).toBeLessThanOrEqual(1e-4);
    expect(largestDifference(found.webgpu, golden.vectors)).toBeLessThanOrEqual(1e-4);
  });

  it("is chosen without being asked for, and reports progress", async () => {
    const golden = tinyBert();
    const model = hostModel(site.server, tinyFolder());
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const availability = await inglenook.Embedder.availability({ model, device: "webgpu" });
        const embedder = await inglenook.Embedder.create({ model });
        const progress: number[] = [];
        await embedder.embed(texts, { onProgress: ({ done }) => progress.push(done) });
        const { device, fallback } = embedder;
        embedder.destroy();
        return { availability, device, fallback, progress };
      },
      [model, golden.texts] as const,
    );
    expect(found).toMatchObject({ availability: "available", device: "webgpu", fallback: null });
    expect(found.progress).toEqual([...found.progress].sort((a, b) => a - b));
    expect(found.progress.at(-1)).toBe(golden.texts.length);
  });

  it("stops when told to, and goes on", async () => {
    const golden = tinyBert();
    const model = hostModel(site.server, tinyFolder());
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model, device: "webgpu" });
        const many = Array.from({ length: 100 }, () => texts).flat();
        const abort = new AbortController();
        const onProgress = () => abort.abort();
        const aborted = await outcomeOf(embedder.embed(many, { signal: abort.signal, onProgress }));
        const vectors = [...(await embedder.embed(texts))];
        const pending = outcomeOf(embedder.embed(many));
        embedder.destroy();
        return { aborted, vectors, destroyed: await pending };
      },
      [model, golden.texts] as const,
    );
    expect(found.aborted).toMatchObject({ ok: false, name: "AbortError" });
    expect(largestDifference(found.vectors, golden.vectors)).toBeLessThanOrEqual(1e-4);
    expect(found.destroyed).toMatchObject({ ok: false, code: "destroyed" });
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it("asked for the GPU build, and broke no rule", () => {
    expect(site.server.paths).toContain("/dist/inglenook_gpu.wasm");
    expect(site.server.violations).toEqual([]);
    expect(site.opened.errors).toEqual([]);
  });
});
