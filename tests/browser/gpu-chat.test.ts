import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { LanguageModel, LanguageModelMessage, ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { type GoldenChat, tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import {
  HARDWARE,
  LEAST_LIMITS,
  NO_PACKED_DOTS,
  NO_SUBGROUPS,
  ON_METAL,
  ON_VULKAN,
} from "./harness/faults.js";
import { COUNTED_GPU, gpuCounts } from "./harness/gpu-counts.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

/** Blocks of the tiny Llama. */
const LAYERS = 2;

/** Every type of weights and every kind of layer that the kernels know. */
const FILES = [
  "tiny-llama/model-f32.gguf",
  "tiny-llama/model-f16.gguf",
  "tiny-llama/model-q5_1.gguf",
  "tiny-llama-k/model-q4_k.gguf",
  "tiny-gemma3-softcap/model-q8_0.gguf",
  "tiny-qwen3/model-f32.gguf",
];

const golden = (path: string) => readFileSync(join(ROOT, "tests/golden", path));

/** Runs in the worker before its own code: every look at the clock takes it so much further. */
const clockOf = (ms: number) => `{ let now = 0; performance.now = () => (now += ${ms}); }`;

describe.skipIf(!hasChromium)("the decoder on WebGPU, computed by the processor", () => {
  const site = useChromium({ gpu: true, fresh: true });

  beforeEach(() => site.server.setPrelude(COUNTED_GPU));

  it.each([
    ["with all that the adapter has", ON_VULKAN, true],
    ["without subgroups", ON_VULKAN + NO_SUBGROUPS, true],
    ["without packed bytes", ON_VULKAN + NO_PACKED_DOTS, false],
    ["on Metal", ON_METAL, false],
  ])("gives the tokens of the reference with 4-bit weights, %s", async (_, prelude, packed) => {
    site.server.setPrelude(prelude + COUNTED_GPU);
    const chats = tinyChats("model-q4_1.gguf");
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q4_1.gguf") });
    const answers = await answersOnGpu(model, chats);
    expect(answers).toEqual(chats.map(({ answer }) => answer));
    const counts = await gpuCounts(site.opened.page);
    expect(counts.subgroupShaders > 0).toBe(!prelude.includes(NO_SUBGROUPS) && (await hasSubgroups()));
    expect(counts.packedShaders > 0).toBe(packed);
  });

  it.each(FILES)("passes the self-test with %s, and answers", async (path) => {
    const model = hostModel(site.server, { "model.gguf": golden(path) });
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

  it("passes the self-test with all the kernels that a GPU gets, within the least limits", async () => {
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
    const pipelines = async (prelude: string) => {
      site.server.setPrelude(LEAST_LIMITS + prelude + COUNTED_GPU);
      await open(model, 1);
      const { pipelines } = await gpuCounts(site.opened.page);
      await held((session) => session.destroy(), null);
      expect(await workersLeft(site.opened.page)).toBe(0);
      return pipelines;
    };
    expect(await pipelines(HARDWARE)).toBeGreaterThan(await pipelines(""));
  });

  it.each(["model-q8_0.gguf", "model-q4_1.gguf"] as const)(
    "answers with %s in few commands",
    async (name) => {
      const model = hostModel(site.server, { "model.gguf": tinyLlama(name) });
      const messages = tinyChats(name)[0]?.messages ?? [];
      const [few, more] = [await answered(model, messages, 4), await answered(model, messages, 14)];
      // All else is the same, so that what differs belongs to ten tokens.
      expect([few.tokens, more.tokens]).toEqual([4, 14]);
      const dispatches = (more.counts.dispatches - few.counts.dispatches) / 10;
      expect(dispatches).toBeGreaterThan(0);
      expect(dispatches).toBeLessThanOrEqual(6 * LAYERS + 6);
      expect(more.counts.bindGroups).toBe(few.counts.bindGroups);
      expect(more.counts.pipelines).toBe(few.counts.pipelines);
      console.log(`GPU calls: ${JSON.stringify({ few, more })}`);
    },
  );

  it.each([
    ["on a fast machine", 1, "tiny-llama/model-q8_0.gguf"],
    ["on a slow one", 1000, "tiny-llama/model-q8_0.gguf"],
    ["with weights that are not quantised", 1, "tiny-llama/model-f32.gguf"],
    ["with weights of several types", 1, "tiny-llama/model-q5_1.gguf"],
  ])("compiles nothing more for other lengths or a clone, %s", async (_, ms, path) => {
    site.server.setPrelude(COUNTED_GPU + clockOf(ms));
    const model = hostModel(site.server, { "model.gguf": golden(path) });
    const words = (count: number) => Array(count).fill("the").join(" ");
    /** Has an answer given to so many words, and tells how many tokens were read. */
    const read = (count: number) =>
      held(async (session, text) => {
        await session.prompt(text);
        const { promptTokens, reusedTokens } = session.metrics ?? { promptTokens: 0, reusedTokens: 0 };
        return promptTokens - reusedTokens;
      }, words(count));
    await open(model, 2);
    await read(2);
    const first = await gpuCounts(site.opened.page);
    expect(first.pipelines).toBeGreaterThan(0);
    // Few tokens, and a last step of few.
    const rests = new Set<number>();
    for (let count = 46; count < 66; count++) rests.add((await read(count)) % 32);
    expect([...rests].filter((rest) => 1 < rest && rest < 9).length).toBeGreaterThan(3);
    const second = await gpuCounts(site.opened.page);
    expect(second.dispatches).toBeGreaterThan(first.dispatches);
    // Now the cache grows, and then another session goes on from it.
    await read(700);
    const cloned = held(async (session, text) => {
      const clone = await session.clone();
      await clone.prompt(text);
      clone.destroy();
      return clone.metrics?.reusedTokens;
    }, words(3));
    expect(await cloned).toBeGreaterThan(700);
    const third = await gpuCounts(site.opened.page);
    expect([second.pipelines, third.pipelines]).toEqual([first.pipelines, first.pipelines]);
    console.log(`GPU calls: ${JSON.stringify({ first, second, third })}`);
  });

  /** Has the page hold a session. */
  async function open(model: ModelManifest, maxTokens: number | undefined) {
    await site.opened.page.evaluate(
      async ([model, maxTokens]) => {
        const options = { model, device: "webgpu", temperature: 0, maxTokens } as const;
        Object.assign(globalThis, { session: await inglenook.LanguageModel.create(options) });
      },
      [model, maxTokens] as const,
    );
  }

  /** What `act` gives, in the page, for the session. */
  function held<A, R>(act: (session: LanguageModel, argument: A) => R | Promise<R>, argument: A): Promise<R> {
    const text = `(${act})(session, ${JSON.stringify(argument)})`;
    return site.opened.page.evaluate(text);
  }

  /** What a new worker asks of the GPU until it has answered with so many tokens. */
  async function answered(model: ModelManifest, messages: LanguageModelMessage[], maxTokens: number) {
    await open(model, maxTokens);
    await held((session, messages) => session.prompt(messages), messages);
    const counts = await gpuCounts(site.opened.page);
    const tokens = await held((session) => session.metrics?.generatedTokens, null);
    await held((session) => session.destroy(), null);
    expect(await workersLeft(site.opened.page)).toBe(0);
    return { counts, tokens };
  }

  /** What a model that computes on WebGPU says in each of the chats. */
  async function answersOnGpu(model: ModelManifest, chats: GoldenChat[]) {
    await open(model, chats[0]?.tokens);
    return held(async (session, chats) => {
      const answers: string[] = [];
      for (const { messages } of chats) {
        const clone = await session.clone();
        answers.push(await clone.prompt(messages));
        clone.destroy();
      }
      return answers;
    }, chats);
  }

  function hasSubgroups(): Promise<boolean> {
    return site.opened.page.evaluate(async () => {
      const adapter = await navigator.gpu.requestAdapter();
      return adapter?.features.has("subgroups") ?? false;
    });
  }
});
