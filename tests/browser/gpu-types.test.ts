/** Weights of the types that steps treat differently, on a GPU that has no more than WebGPU promises. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { LEAST_LIMITS } from "./harness/faults.js";
import { alike } from "./harness/gguf-tensors.js";
import { COUNTED_GPU, gpuCounts } from "./harness/gpu-counts.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

const FILE = readFileSync(join(ROOT, "tests/golden/tiny-llama-k/model-q4_k.gguf"));

/** One block, whose matrices are of types that differ, and the same where those of one input are of one. */
const FILES: [what: string, file: Buffer, dispatches: number][] = [
  ["of several types", FILE, 11],
  [
    "of one type",
    alike(FILE, {
      "blk.0.attn_q.weight": "blk.0.attn_v.weight",
      "blk.0.attn_k.weight": "blk.0.attn_v.weight",
      "blk.0.ffn_gate.weight": "blk.0.ffn_up.weight",
    }),
    6,
  ],
];

/** What a step has besides its block: the token, the vocabulary, and the choice, in two. */
const AROUND = 4;

describe.skipIf(!hasChromium)("K-quants on the weakest WebGPU", () => {
  const site = useChromium({ gpu: true, fresh: true });

  beforeEach(() => site.server.setPrelude(LEAST_LIMITS + COUNTED_GPU));

  it.each(FILES)("give the CPU's tokens by a step's kernels, %s", async (_, file, dispatches) => {
    const model = hostModel(site.server, { "model.gguf": file });
    const [cpu, few, more] = [
      await answered(model, "cpu", 12),
      await answered(model, "webgpu", 2),
      await answered(model, "webgpu", 12),
    ];
    expect([few.fallback, more.fallback]).toEqual([null, null]);
    expect([cpu.tokens, few.tokens, more.tokens]).toEqual([12, 2, 12]);
    expect(more.answer).toBe(cpu.answer);
    expect(few.counts && more.counts).toBeTruthy();
    expect(((more.counts?.dispatches ?? 0) - (few.counts?.dispatches ?? 0)) / 10).toBe(dispatches + AROUND);
    expect(more.counts?.pipelines).toBe(few.counts?.pipelines);
  });

  /** What a new worker says, and what it has asked of the GPU for that. */
  async function answered(model: ModelManifest, device: "cpu" | "webgpu", maxTokens: number) {
    const { page } = site.opened;
    const said = await page.evaluate(
      async ([model, device, maxTokens]) => {
        const options = { model, device, maxTokens, temperature: 0 } as const;
        const session = await inglenook.LanguageModel.create(options);
        Object.assign(globalThis, { session });
        const answer = await session.prompt("the cat tells a story to the blue cat");
        return { answer, tokens: session.metrics?.generatedTokens, fallback: session.fallback };
      },
      [model, device, maxTokens] as const,
    );
    const counts = device === "cpu" ? undefined : await gpuCounts(page);
    await page.evaluate("session.destroy()");
    expect(await workersLeft(page)).toBe(0);
    return { ...said, counts };
  }
});
