import { describe, expect, it } from "vitest";
import { CHAT_MODELS } from "../../web/src/chat-models.js";
import type { LanguageModel } from "../../web/src/index.js";
import { resolveModel } from "../../web/src/models.js";
import { SMOL, tinyLlama } from "./harness/chats.js";
import { hasChromium, measuresMemory, workersLeft } from "./harness/chromium.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { NOT_ISOLATED } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

/** The room that a cache begins with, in tokens, and the bytes of one: keys and values of 3 heads of 64 f32 in 30 layers. */
const CACHED_TOKENS = 512;
const CACHED_BYTES = 30 * 3 * 2 * 64 * 4;

/** What the test leaves in the page between two scripts. */
interface Held {
  session: LanguageModel;
}

/** Has the worker tell the size of its wasm memory to whoever asks on the channel "memory". */
const TELLING = `{
  const channel = new BroadcastChannel("memory");
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const plain = WebAssembly[name];
    WebAssembly[name] = async (...given) => {
      const made = await plain.apply(WebAssembly, given);
      const { exports } = made.instance ?? made;
      const memory = Object.values(exports).find((one) => one instanceof WebAssembly.Memory);
      channel.onmessage = () => channel.postMessage(memory.buffer.byteLength);
      return made;
    };
  }
}`;

describe.skipIf(!hasChromium || !measuresMemory)("the memory of a language model", () => {
  const site = useChromium();

  /** Chats on, with a clone that comes and goes in every turn, and an answer that is aborted in every tenth. */
  const chat = (turns: number) =>
    site.opened.page.evaluate(async (turns) => {
      const { session } = globalThis as unknown as Held;
      let overflows = 0;
      session.oncontextoverflow = () => overflows++;
      for (let turn = 0; turn < turns; turn++) {
        await session.prompt(`the cat tells story ${turn}`);
        const clone = await session.clone();
        const answering = clone.prompt("blue to");
        if (turn % 10 === 0) clone.destroy();
        await answering.catch(() => {});
        clone.destroy();
      }
      return overflows;
    }, turns);

  /** What the processes hold once the garbage of the worker is out too. */
  const megabytes = async () => {
    await site.opened.page.evaluate(async () => {
      // Collects before it measures, and does so for the page's workers as well.
      const scope = performance as { measureUserAgentSpecificMemory?(): Promise<unknown> };
      await scope.measureUserAgentSpecificMemory?.();
    });
    return site.chromium.quietMegabytes(site.opened);
  };

  /** Bytes of the memory of the worker's wasm instance, which never gives any back. */
  const wasmBytes = () =>
    site.opened.page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const channel = new BroadcastChannel("memory");
          channel.onmessage = ({ data }) => {
            channel.close();
            resolve(data);
          };
          channel.postMessage("?");
        }),
    );

  it("does not grow in 200 turns after 200 others", async () => {
    // When the page measures its memory it waits for all workers to pause, which threads never do.
    site.server.setPrelude(NOT_ISOLATED + TELLING);
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
    await site.opened.page.evaluate(async (model) => {
      const options = { model, device: "cpu", seed: 1, maxTokens: 12, contextWindow: 256 } as const;
      const session = await inglenook.LanguageModel.create(options);
      Object.assign(globalThis, { session });
    }, model);
    const sizes: { mb: number; wasm: number }[] = [];
    for (let block = 0; block < 2; block++) {
      expect(await chat(200)).toBeGreaterThan(10);
      sizes.push({ mb: await megabytes(), wasm: await wasmBytes() });
    }
    const [first, second] = sizes;
    console.log(`200 turns: ${JSON.stringify(first)}, 200 more: ${JSON.stringify(second)}`);
    expect(second?.wasm).toBe(first?.wasm);
    // The processes also hold garbage and code, by some megabytes more or less from one time to the next.
    expect(second?.mb).toBeLessThan((first?.mb ?? 0) + 10);
    await site.opened.page.evaluate(() => (globalThis as unknown as Held).session.destroy());
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  // Wasm memory never shrinks: in the end it is as large as it ever was, with the file in it or the model.
  it("is at most the file, a quarter of it, and the cache of a chat", async () => {
    site.server.setPrelude(TELLING);
    const { files } = resolveModel(SMOL, CHAT_MODELS);
    const tokens = await site.opened.page.evaluate(async (model) => {
      const options = { model, device: "cpu", temperature: 0, maxTokens: 110 } as const;
      const session = await inglenook.LanguageModel.create(options);
      Object.assign(globalThis, { session });
      for (const teller of ["lighthouse keeper", "fisherman", "gull"]) {
        await session.prompt(`Tell me a long story about the sea, as a ${teller} would tell it.`);
      }
      return session.contextUsage;
    }, SMOL);
    const [file, cache, wasm] = [files[0]?.bytes ?? 0, CACHED_TOKENS * CACHED_BYTES, await wasmBytes()];
    console.log(`${tokens} tokens: file ${file}, cache ${cache}, wasm memory ${wasm}`);
    expect(tokens).toBeGreaterThan(300);
    expect(tokens).toBeLessThanOrEqual(CACHED_TOKENS);
    expect(wasm).toBeGreaterThan(file);
    expect(wasm).toBeLessThanOrEqual(1.25 * file + cache);
    await site.opened.page.evaluate(() => (globalThis as unknown as Held).session.destroy());
  });
});
