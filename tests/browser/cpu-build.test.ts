import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium } from "./harness/chromium.js";
import { NO_RELAXED_SIMD } from "./harness/faults.js";
import { largestDifference, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import type { Reply } from "./harness/replies.js";
import { NOT_ISOLATED } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

const processors = availableParallelism();
if (processors < 2) console.log("skipped: what needs two processors");

/** The browser cannot reserve the memory that threads share. */
const NO_SHARED_MEMORY = `{
  const { Memory } = WebAssembly;
  WebAssembly.Memory = function (limits) {
    if (limits.shared) throw new RangeError("could not allocate memory");
    return new Memory(limits);
  };
  WebAssembly.Memory.prototype = Memory.prototype;
}`;

const THREADS = ["/dist/inglenook_cpu_threads.js", "/dist/inglenook_cpu_threads.wasm"] as const;
const RELAXED = ["/dist/inglenook_cpu_relaxed.js", "/dist/inglenook_cpu_relaxed.wasm"] as const;
const PLAIN = ["/dist/inglenook_cpu.js", "/dist/inglenook_cpu.wasm"];

describe.skipIf(!hasChromium)("the CPU build", () => {
  const site = useChromium({ fresh: true });

  /** Embeds and chats, both right; gives what was fetched of the builds. */
  async function expectRight(): Promise<string[]> {
    const before = site.server.requests.length;
    const golden = tinyBert();
    const [chat] = tinyChats("model-q4_1.gguf");
    const models = [
      hostModel(site.server, tinyFolder()),
      hostModel(site.server, { "model.gguf": tinyLlama("model-q4_1.gguf") }),
    ] as const;
    const found = await site.opened.page.evaluate(
      async ([[encoder, decoder], texts, messages, maxTokens]) => {
        const embedder = await inglenook.Embedder.create({ model: encoder, device: "cpu" });
        const vectors = await embedder.embed(texts);
        const options = { model: decoder, device: "cpu", temperature: 0, maxTokens } as const;
        const session = await inglenook.LanguageModel.create(options);
        const answer = await session.prompt(messages ?? []);
        embedder.destroy();
        session.destroy();
        return { vectors: vectors.map((vector) => [...vector]), answer };
      },
      [models, golden.texts, chat?.messages, chat?.tokens] as const,
    );
    expect(largestDifference(found.vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
    expect(found.answer).toBe(chat?.answer);
    const asked = site.server.paths.slice(before).filter((path) => path.includes("inglenook_cpu"));
    return [...new Set(asked)].sort();
  }

  it.skipIf(processors < 2)("is the one with threads where the page is isolated", async () => {
    expect(await expectRight()).toEqual(THREADS);
    expect(site.server.paths).toContain("/dist/thread.js");
  });

  it("is the one with relaxed SIMD where the page is not", async () => {
    site.server.setPrelude(NOT_ISOLATED);
    expect(await expectRight()).toEqual(RELAXED);
    site.server.setPrelude();
  });

  it.skipIf(processors < 2)("is that one, too, where memory cannot be shared", async () => {
    site.server.setPrelude(NO_SHARED_MEMORY);
    expect(await expectRight()).toEqual([...RELAXED, THREADS[0]].sort());
    site.server.setPrelude();
  });

  it.skipIf(processors < 2)("is that one, too, where the server lacks the other", async () => {
    site.server.answer(THREADS[1], (response) => response.writeHead(404).end());
    expect(await expectRight()).toEqual([...RELAXED, ...THREADS].sort());
    site.server.restore(THREADS[1]);
  });

  it("is the plain one where there is no relaxed SIMD", async () => {
    site.server.setPrelude(NO_RELAXED_SIMD);
    expect(await expectRight()).toEqual(PLAIN);
    site.server.setPrelude();
  });

  it("is the plain one where relaxed SIMD does not multiply exactly", async () => {
    const [path] = RELAXED;
    const glue = readFileSync(join(ROOT, "web", path), "utf8");
    const inexact = glue.replace(/static multipliesExactly\(\)\{/, "$&return!1;");
    expect(inexact).not.toBe(glue);
    site.server.setPrelude(NOT_ISOLATED);
    site.server.answer(path, script(inexact));
    expect(await expectRight()).toEqual([...PLAIN, ...RELAXED].sort());
    site.server.restore(path);
    site.server.setPrelude();
  });

  /** Vectors of texts and what a model writes, both of models that are large enough for threads. */
  const largeWork = () =>
    site.opened.page.evaluate(async () => {
      const device = "cpu";
      const texts = Array.from({ length: 24 }, (_, i) => `Text ${i} is about the sea. `.repeat(1 + (i % 7)));
      const embedder = await inglenook.Embedder.create({ model: "all-minilm-l6-v2", device });
      const vectors = await embedder.embed(texts);
      const options = { model: "smollm2-135m-instruct", device, temperature: 0, maxTokens: 24 } as const;
      const session = await inglenook.LanguageModel.create(options);
      const answer = await session.prompt("Name three rivers, and the seas they flow into.");
      embedder.destroy();
      session.destroy();
      return { vectors: vectors.map((vector) => [...vector]), answer };
    });

  it.skipIf(processors < 2)("computes the same bits on threads as on one", async () => {
    const onThreads = await largeWork();
    site.server.setPrelude(NOT_ISOLATED);
    await site.opened.page.reload();
    const onOne = await largeWork();
    site.server.setPrelude();
    expect(onThreads).toEqual(onOne);
    expect(site.server.paths).toEqual(expect.arrayContaining([...THREADS, ...RELAXED]));
  });

  it.skipIf(processors < 2)("does without a thread that cannot start", async () => {
    const path = "/dist/thread.js";
    site.server.answer(path, (response) => response.writeHead(404).end());
    const { answer } = await largeWork();
    expect(answer.length).toBeGreaterThan(20);
    site.server.restore(path);
  });

  it.skipIf(processors < 2)("ends with an error, and does not wait, where a thread traps", async () => {
    const path = "/dist/thread.js";
    const plain = readFileSync(join(ROOT, "web", path), "utf8");
    // One of three fails when the others have joined.
    const trapping = plain.replace(
      /\b(\w+)\.joinPool\(\)/,
      `await navigator.locks.request("one", { ifAvailable: true }, (lock) => {
        if (!lock) return $1.joinPool();
        const trap = new WebAssembly.RuntimeError("unreachable");
        return new Promise((_, reject) => setTimeout(reject, 300, trap));
      })`,
    );
    expect(trapping).not.toBe(plain);
    site.server.answer(path, script(trapping));
    site.server.setPrelude('Object.defineProperty(navigator, "hardwareConcurrency", { value: 4 });');
    const codes = await site.opened.page.evaluate(async () => {
      const { Embedder, InglenookError } = inglenook;
      const embedder = await Embedder.create({ model: "all-minilm-l6-v2", device: "cpu" });
      const work = () =>
        embedder.embed(["a text that is long enough for threads to be worth it. ".repeat(9)]).then(
          () => "none",
          (error) => (error instanceof InglenookError ? error.code : "other"),
        );
      // The first may be over before it has failed.
      const codes = [];
      while (codes.length < 200 && codes.at(-1) !== "internal") codes.push(await work());
      return codes;
    });
    site.server.restore(path);
    site.server.setPrelude();
    expect(codes.at(-1)).toBe("internal");
    expect(new Set(codes.slice(0, -1)).size).toBeLessThanOrEqual(1);
    // What is created afterwards works.
    const { answer } = await largeWork();
    expect(answer.length).toBeGreaterThan(20);
  });
});

/** An answer that is a script, and not kept by the browser. */
const script = (code: string): Reply => {
  return (response) => {
    response.writeHead(200, { "Content-Type": "text/javascript", "Cache-Control": "no-store" }).end(code);
  };
};
