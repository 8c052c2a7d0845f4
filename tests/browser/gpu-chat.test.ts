import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { LanguageModel } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium } from "./harness/chromium.js";
import { COUNTED_GPU, gpuCounts } from "./harness/gpu-counts.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

/** What a test leaves in the page. */
interface Held {
  session: LanguageModel;
}

/** Every type of weights and every kind of layer that the kernels know. */
const FILES = [
  "tiny-llama/model-f32.gguf",
  "tiny-llama/model-f16.gguf",
  "tiny-llama/model-q5_1.gguf",
  "tiny-llama-k/model-q4_k.gguf",
  "tiny-gemma3-softcap/model-q8_0.gguf",
  "tiny-qwen3/model-f32.gguf",
];

describe.skipIf(!hasChromium)("the decoder on WebGPU, computed by the processor", () => {
  const site = useChromium({ gpu: true, fresh: true });

  beforeEach(() => site.server.setPrelude(COUNTED_GPU));

  it("gives the tokens that the CPU gives, with 4-bit weights", async () => {
    const chats = tinyChats("model-q4_1.gguf");
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q4_1.gguf") });
    const found = await site.opened.page.evaluate(
      async ([model, chats]) => {
        const answers: Record<string, string[]> = {};
        for (const device of ["webgpu", "cpu"] as const) {
          const options = { model, device, temperature: 0, maxTokens: chats[0]?.tokens };
          const base = await inglenook.LanguageModel.create(options);
          const answered: string[] = [];
          answers[base.device] = answered;
          for (const { messages } of chats) {
            const session = await base.clone();
            answered.push(await session.prompt(messages));
            session.destroy();
          }
          base.destroy();
        }
        return answers;
      },
      [model, chats] as const,
    );
    const expected = chats.map(({ answer }) => answer);
    expect(found).toEqual({ webgpu: expected, cpu: expected });
  });

  it.each(FILES)("passes the self-test with %s, and answers", async (path) => {
    const file = readFileSync(join(ROOT, "tests/golden", path));
    const model = hostModel(site.server, { "model.gguf": file });
    const found = await site.opened.page.evaluate(async (model) => {
      const session = await inglenook.LanguageModel.create({ model, temperature: 0, maxTokens: 4 });
      await session.prompt("the cat tells a story to the blue cat");
      const { device, fallback, metrics } = session;
      session.destroy();
      return { device, fallback, metrics };
    }, model);
    expect(found).toMatchObject({ device: "webgpu", fallback: null });
    expect(found.metrics?.generatedTokens).toBeGreaterThan(0);
  });

  it("compiles nothing more for other lengths", async () => {
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
    const prompt = (text: string) =>
      site.opened.page.evaluate((text) => (globalThis as unknown as Held).session.prompt(text), text);
    await site.opened.page.evaluate(async (model) => {
      const session = await inglenook.LanguageModel.create({ model, temperature: 0, maxTokens: 8 });
      Object.assign(globalThis, { session });
    }, model);
    await prompt("blue to");
    const first = await gpuCounts(site.opened.page);
    await prompt("the cat tells the story of the king who was blue to the end of a very long day, and so on");
    await prompt("me");
    const second = await gpuCounts(site.opened.page);
    expect(first.pipelines).toBeGreaterThan(0);
    expect(second.pipelines).toBe(first.pipelines);
    expect(second.dispatches).toBeGreaterThan(first.dispatches);
    console.log(`GPU calls: ${JSON.stringify({ first, second })}`);
  });
});
