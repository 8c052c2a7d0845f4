import { describe, expect, it } from "vitest";
import { hasChromium } from "./harness/chromium.js";
import { largestDifference, lowestCosine, miniLm, normalised, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder, tinyGguf } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

const F32 = "all-minilm-l6-v2";
const F32_BYTES = 91_335_827;

describe.skipIf(!hasChromium)("on the CPU", () => {
  const site = useChromium();

  it("downloads a model once, and reports that", async () => {
    const { page } = site.opened;
    const first = await page.evaluate(async (model) => {
      const { Embedder } = inglenook;
      const states = [await Embedder.availability({ model })];
      const events: { loaded: number; total: number; bytesLoaded: number; bytesTotal: number }[] = [];
      const creating = Embedder.create({
        model,
        device: "cpu",
        monitor: (monitor) =>
          monitor.addEventListener("downloadprogress", ({ loaded, total, bytesLoaded, bytesTotal }) =>
            events.push({ loaded, total, bytesLoaded, bytesTotal }),
          ),
      });
      states.push(await Embedder.availability({ model }));
      const embedder = await creating;
      states.push(await Embedder.availability({ model }));
      const { bytesFetched } = embedder;
      embedder.destroy();
      return { states, events, bytesFetched };
    }, F32);
    expect(first.states).toEqual(["downloadable", "downloading", "available"]);
    expect(first.bytesFetched).toBe(F32_BYTES);
    expect(first.events[0]).toEqual({ loaded: 0, total: 1, bytesLoaded: 0, bytesTotal: F32_BYTES });
    expect(first.events.at(-1)).toEqual({
      loaded: 1,
      total: 1,
      bytesLoaded: F32_BYTES,
      bytesTotal: F32_BYTES,
    });
    expect(first.events.length).toBeGreaterThan(3);
    for (const [i, { loaded, bytesLoaded }] of first.events.entries()) {
      expect(loaded).toBe(bytesLoaded / F32_BYTES);
      if (i > 0) expect(loaded).toBeGreaterThan(first.events[i - 1]?.loaded ?? 1);
    }
  });

  it("takes a model that was downloaded before from the cache", async () => {
    const { page } = site.opened;
    const before = site.server.requests.length;
    const second = await page.evaluate(async (model) => {
      const fractions: number[] = [];
      const embedder = await inglenook.Embedder.create({
        model,
        device: "cpu",
        monitor: (monitor) => {
          monitor.ondownloadprogress = ({ loaded }) => fractions.push(loaded);
        },
      });
      const { bytesFetched } = embedder;
      embedder.destroy();
      return { bytesFetched, last: fractions.at(-1) };
    }, F32);
    expect(second).toEqual({ bytesFetched: 0, last: 1 });
    expect(site.server.paths.slice(before).filter((path) => path.startsWith("/models/"))).toEqual([]);
  });

  it("computes the F32 model's vectors on every golden text, in order, with progress", async () => {
    const golden = miniLm();
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
        const progress: { done: number; total: number }[] = [];
        const vectors = await embedder.embed(texts, { onProgress: (p) => progress.push(p) });
        const { device, dtype, fallback, dimensions, maxTokens } = embedder;
        embedder.destroy();
        return {
          vectors: [...vectors],
          truncated: vectors.truncated,
          progress,
          said: { model: embedder.model, device, dtype, fallback, dimensions, maxTokens },
        };
      },
      [F32, golden.texts] as const,
    );
    expect(largestDifference(found.vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
    expect(found.truncated).toEqual(golden.truncated);
    expect(found.said).toEqual({
      model: F32,
      device: "cpu",
      dtype: "f32",
      fallback: null,
      dimensions: 384,
      maxTokens: 256,
    });
    const done = found.progress.map((p) => p.done);
    expect(done).toEqual([...new Set(done)].sort((a, b) => a - b));
    expect(done.length).toBeGreaterThan(3);
    expect(found.progress.at(-1)).toEqual({ done: golden.texts.length, total: golden.texts.length });
  });

  it("computes vectors close to F32's with the 8-bit model, which is the default", async () => {
    const golden = miniLm();
    const found = await site.opened.page.evaluate(async (texts) => {
      const embedder = await inglenook.Embedder.create();
      const vectors = await embedder.embed(texts);
      const { model, bytesFetched, maxTokens } = embedder;
      embedder.destroy();
      return { vectors: [...vectors], truncated: vectors.truncated, model, bytesFetched, maxTokens };
    }, golden.texts);
    expect(lowestCosine(found.vectors, golden.vectors)).toBeGreaterThanOrEqual(0.999);
    expect(found.truncated).toEqual(golden.truncated);
    expect(found).toMatchObject({ model: "all-minilm-l6-v2-q8_0", bytesFetched: 25_008_064, maxTokens: 256 });
  });

  it.each([F32, "all-minilm-l6-v2-q8_0"])(
    "computes %s in eight bits where that is asked for",
    async (model) => {
      const golden = miniLm();
      const found = await site.opened.page.evaluate(
        async ([model, texts]) => {
          const { Embedder } = inglenook;
          const embedder = await Embedder.create({ model, device: "cpu", dtype: "q8" });
          const vectors = await embedder.embed(texts);
          const { dtype } = embedder;
          embedder.destroy();
          return { vectors: [...vectors], truncated: vectors.truncated, dtype };
        },
        [model, golden.texts] as const,
      );
      expect(found.dtype).toBe("q8");
      expect(lowestCosine(found.vectors, golden.vectors)).toBeGreaterThanOrEqual(0.997);
      expect(found.truncated).toEqual(golden.truncated);
    },
  );

  it("refuses a dtype that there is not", async () => {
    const code = await site.opened.page.evaluate(async () => {
      const { Embedder, InglenookError } = inglenook;
      const error: unknown = await Embedder.create({ dtype: "int8" as "q8" }).catch((reason) => reason);
      return error instanceof InglenookError ? error.code : String(error);
    });
    expect(code).toBe("invalid-input");
  });

  it("does what the README shows", async () => {
    const found = await site.opened.page.evaluate(async () => {
      const { Embedder, similarity } = inglenook;
      const embedder = await Embedder.create();
      const [a, b, c] = await embedder.embed(["a cat", "a kitten", "the tax return is due"]);
      embedder.destroy();
      if (!a || !b || !c) throw new Error("A vector is missing.");
      return {
        near: similarity(a, b),
        far: similarity(a, c),
        length: Math.hypot(...a),
        isF32: a instanceof Float32Array,
      };
    });
    expect(found.near).toBeGreaterThan(0.7);
    expect(found.far).toBeLessThan(0.3);
    expect(found.length).toBeCloseTo(1, 5);
    expect(found.isF32).toBe(true);
  });

  it.each([
    ["tiny-bert-cls", "model.safetensors"],
    ["tiny-bert-cls", "model-f16.safetensors"],
    ["tiny-bert-cls", "model-bf16.safetensors"],
    ["tiny-bert-relu", "model.safetensors"],
    ["tiny-bert-gelu-new", "model.safetensors"],
    ["tiny-bert-cls", "model-f32.gguf"],
    ["tiny-bert-cls", "model-f16.gguf"],
    ["tiny-bert-cls", "model-q8_0.gguf"],
  ])("computes the vectors of %s, %s", async (name, weights) => {
    const gguf = weights.endsWith(".gguf");
    const golden = gguf ? normalised(tinyBert(name, weights)) : tinyBert(name, weights);
    const model = hostModel(site.server, gguf ? tinyGguf(weights) : tinyFolder(name, weights));
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
        const vectors = await embedder.embed(texts);
        embedder.destroy();
        return { vectors: [...vectors], truncated: vectors.truncated };
      },
      [model, golden.texts] as const,
    );
    expect(largestDifference(found.vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
    expect(found.truncated).toEqual(golden.truncated);
  });

  it("embeds nothing, an empty text and a changed array", async () => {
    const golden = tinyBert();
    const model = hostModel(site.server, tinyFolder());
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model });
        const none = await embedder.embed([]);
        const empty = await embedder.embed([""]);
        const changing = [...texts];
        const promised = embedder.embed(changing);
        changing.fill("something else");
        const unchanged = await promised;
        const refused = await Promise.all(
          ["text", [1], null].map((input) => outcomeOf(embedder.embed(input as unknown as string[]))),
        );
        embedder.destroy();
        return {
          none: none.length,
          cut: none.truncated,
          empty: [...empty],
          unchanged: [...unchanged],
          refused,
        };
      },
      [model, golden.texts] as const,
    );
    expect(found).toMatchObject({ none: 0, cut: [] });
    const blank = golden.vectors[golden.texts.indexOf("")] as Float32Array;
    expect(largestDifference(found.empty, [blank])).toBeLessThanOrEqual(1e-5);
    expect(largestDifference(found.unchanged, golden.vectors)).toBeLessThanOrEqual(1e-5);
    for (const refusal of found.refused) expect(refusal).toMatchObject({ ok: false, code: "invalid-input" });
  });

  it("asked for nothing but its own files, and never for the GPU build", () => {
    expect(site.server.paths.filter((path) => path.includes("inglenook_gpu"))).toEqual([]);
    expect(site.server.violations).toEqual([]);
    expect(site.opened.errors).toEqual([]);
  });
});
