import { beforeEach, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import * as faults from "./harness/faults.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

const CHATS = tinyChats();

describe.skipIf(!hasChromium)("a language model on WebGPU", () => {
  const site = useChromium({ gpu: true, fresh: true });
  let model: ModelManifest;

  beforeEach(() => {
    site.server.setPrelude();
    model = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
  });

  it("gives the tokens that the CPU gives", async () => {
    const found = await site.opened.page.evaluate(
      async ([model, chats]) => {
        const answers: Record<string, string[]> = {};
        for (const device of ["webgpu", "cpu"] as const) {
          const options = { model, device, temperature: 0, maxTokens: chats[0]?.tokens };
          const base = await inglenook.LanguageModel.create(options);
          answers[base.device] = [];
          for (const { messages } of chats) {
            const session = await base.clone();
            answers[base.device]?.push(await session.prompt(messages));
            session.destroy();
          }
          base.destroy();
        }
        return answers;
      },
      [model, CHATS] as const,
    );
    const expected = CHATS.map(({ answer }) => answer);
    expect(found).toEqual({ webgpu: expected, cpu: expected });
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it.each([
    ["is lost", faults.LOST_DURING_CHAT, "device-lost", "gpu-lost"],
    ["has an error", faults.ERROR_DURING_CHAT, "gpu-error", "gpu-error"],
  ])("goes on, on the CPU, when the GPU %s in the middle of an answer", async (_, prelude, reason, code) => {
    site.server.setPrelude(prelude);
    // Its answer begins with whole characters: what was said is the same tokens when it is read.
    const chat = tinyChats("model-q4_1.gguf")[2];
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q4_1.gguf") });
    const found = await site.opened.page.evaluate(
      async ([model, messages, maxTokens]) => {
        const options = { model, temperature: 0, maxTokens };
        const session = await inglenook.LanguageModel.create(options);
        const clone = await session.clone();
        const before = session.device;
        let changes = 0;
        session.ondevicechange = () => changes++;
        clone.addEventListener("devicechange", () => changes++);
        const chunks: string[] = [];
        const reader = session.promptStreaming(messages).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          chunks.push(value);
        }
        const { device, fallback, metrics, contextUsage } = session;
        const fromClone = await clone.prompt(messages);
        session.destroy();
        clone.destroy();
        const demanding = await inglenook.LanguageModel.create({ ...options, device: "webgpu" });
        const demanded = [
          await outcomeOf(demanding.prompt(messages)),
          await outcomeOf(demanding.prompt(messages)),
        ];
        demanding.destroy();
        const reason = fallback?.reason;
        return { before, changes, chunks, device, reason, metrics, contextUsage, fromClone, demanded };
      },
      [model, chat?.messages ?? [], chat?.tokens ?? 0] as const,
    );
    expect(found).toMatchObject({ before: "webgpu", device: "cpu", reason, changes: 2 });
    expect(found.fromClone).toBe(chat?.answer);
    expect(found.chunks.length).toBeGreaterThan(1);
    expect(found.chunks.join("")).toBe(chat?.answer);
    expect(found.metrics).toMatchObject({ promptTokens: chat?.promptTokens, generatedTokens: chat?.tokens });
    expect(found.contextUsage).toBe((chat?.promptTokens ?? 0) + (chat?.tokens ?? 0));
    for (const outcome of found.demanded) expect(outcome).toMatchObject({ ok: false, code });
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it.each([
    ["the self-test fails", faults.LOSSY_GPU, "self-test-failed", "gpu-self-test", "NotSupportedError"],
    [
      "it multiplies bytes wrongly",
      faults.LOSSY_PACKED_DOTS,
      "self-test-failed",
      "gpu-self-test",
      "NotSupportedError",
    ],
    ["it is lost in the load", faults.LOST_DURING_LOAD, "device-lost", "gpu-lost", "OperationError"],
  ])("is not used when %s", async (_, prelude, reason, code, name) => {
    site.server.setPrelude(prelude);
    const [chat] = CHATS;
    const found = await site.opened.page.evaluate(
      async ([model, messages, maxTokens]) => {
        const { LanguageModel } = inglenook;
        const session = await LanguageModel.create({ model, temperature: 0, maxTokens });
        const answer = await session.prompt(messages);
        const { device, fallback } = session;
        session.destroy();
        const demanded = await outcomeOf(LanguageModel.create({ model, device: "webgpu" }));
        return { answer, device, reason: fallback?.reason, demanded };
      },
      [model, chat?.messages ?? [], chat?.tokens ?? 0] as const,
    );
    expect(found).toMatchObject({ answer: chat?.answer, device: "cpu", reason });
    expect(found.demanded).toMatchObject({ ok: false, code, name });
  });
});
