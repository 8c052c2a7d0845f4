import { beforeEach, describe, expect, it } from "vitest";
import type { Embedder, LanguageModel, ModelManifest, VectorIndex } from "../../web/src/index.js";
import { tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import type { Outcome } from "./harness/page.js";
import { dripping } from "./harness/replies.js";
import { NOT_ISOLATED } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

// What the tests leave in the page: its workers, and how the last of them comes to its end.
declare global {
  var started: Worker[];
  var end: () => void;
}

/**
 * Ends the worker, on one thread, in whatever way the page says on the channel "end": it closes, a script of it throws, or
 * what it asks of its wasm instance next is a trap.
 */
const ENDING = `${NOT_ISOLATED}
{
  // A function that is nothing but unreachable.
  const code = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 97, 0, 0, 10, 5, 1, 3, 0, 0, 11];
  const trap = () => new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(code))).exports.a();
  let isWrong = false;
  new BroadcastChannel("end").onmessage = ({ data }) => {
    if (data === "close") self.close();
    else if (data === "throw") setTimeout(() => { throw new Error("gone"); });
    else isWrong = true;
  };
  const wrong = (prototype, name) => {
    const right = prototype[name];
    prototype[name] = function (...given) {
      if (isWrong) trap();
      return right.apply(this, given);
    };
  };
  import(new URL("./inglenook_cpu_relaxed.js", import.meta.url).href).then((glue) => {
    wrong(glue.ModelFiles.prototype, "push");
    wrong(glue.VectorIndex.prototype, "add");
    for (const { prototype } of [glue.TextEmbedder, glue.ChatModel]) {
      const { plan } = prototype;
      prototype.plan = function (...given) {
        const job = plan.apply(this, given);
        wrong(job, "step");
        return job;
      };
    }
  });
}`;

/** How a worker ends, and the code of everything that waits for it. */
const ENDS = [
  ["is ended by the browser, without a word", "terminate", "worker"],
  ["closes itself", "close", "worker"],
  ["traps", "trap", "internal"],
  ["throws outside of a request", "throw", "internal"],
  ["sends what cannot be read", "messageerror", "worker"],
] as const;

/** In the page: notes its workers, and learns to end the last of them. */
async function prepare(how: string) {
  globalThis.started = [];
  const Native = globalThis.Worker;
  globalThis.Worker = class extends Native {
    constructor(...given: ConstructorParameters<typeof Native>) {
      super(...given);
      globalThis.started.push(this);
    }
  };
  const channel = new BroadcastChannel("end");
  globalThis.end = () => {
    const last = globalThis.started.at(-1);
    if (how === "terminate") last?.terminate();
    else if (how === "messageerror") last?.dispatchEvent(new MessageEvent("messageerror"));
    else channel.postMessage(how);
  };
}

describe.skipIf(!hasChromium)("a worker that comes to its end", () => {
  const site = useChromium({ fresh: true });
  let bert: ModelManifest;
  let llama: ModelManifest;

  beforeEach(() => {
    site.server.setPrelude(ENDING);
    bert = hostModel(site.server, tinyFolder());
    llama = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
  });

  /** All of them ended in this, and nothing of it was left to be noticed by nobody. */
  async function expectAll(outcomes: Outcome[], code: string) {
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, code });
    expect(await workersLeft(site.opened.page)).toBe(0);
    expect(site.opened.errors).toEqual([]);
    const locks = () => site.opened.page.evaluate(async () => (await navigator.locks.query()).held?.length);
    await expect.poll(locks).toBe(0);
  }

  describe.each(ENDS)("%s", (_, how, code) => {
    beforeEach(() => site.opened.page.evaluate(prepare, how));

    it("in a load, which fails; the next one works", async () => {
      const files = tinyFolder();
      const slow = dripping(files["model.safetensors"] as Uint8Array, { parts: 40, everyMs: 50 });
      const model = hostModel(site.server, files, { "model.safetensors": slow });
      const found = await site.opened.page.evaluate(async (model) => {
        const monitor = (monitor: EventTarget) =>
          monitor.addEventListener("downloadprogress", (event) => {
            if ((event as ProgressEvent).loaded > 0.3) end();
          });
        return [await outcomeOf(inglenook.Embedder.create({ model, device: "cpu", monitor }))];
      }, model);
      await expectAll(found, code);
      const again = await site.opened.page.evaluate(async (model) => {
        const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
        const [vector] = await embedder.embed(["a text"]);
        embedder.destroy();
        return vector?.length === embedder.dimensions;
      }, bert);
      expect(again).toBe(true);
    });

    it("in an embedding, which fails as everything later does", async () => {
      const found = await site.opened.page.evaluate(async (model) => {
        const embedder: Embedder = await inglenook.Embedder.create({ model, device: "cpu" });
        const texts = Array.from({ length: 20_000 }, (_, i) => `Passage ${i} of the tides, and of the moon.`);
        const endOnce = () => globalThis.end();
        const outcomes = await Promise.all([
          outcomeOf(embedder.embed(texts, { onProgress: endOnce })),
          outcomeOf(embedder.embed(texts)),
        ]);
        outcomes.push(await outcomeOf(embedder.embed(["too late"])));
        embedder.destroy();
        return outcomes;
      }, bert);
      await expectAll(found, code);
    });

    it("in an answer, which fails as everything later does", async () => {
      const found = await site.opened.page.evaluate(async (model) => {
        const options = { model, device: "cpu", temperature: 0 } as const;
        const session: LanguageModel = await inglenook.LanguageModel.create(options);
        const clone = await session.clone();
        const reader = session.promptStreaming("the cat tells a story").getReader();
        await reader.read();
        globalThis.end();
        const rest = (async () => {
          while (!(await reader.read()).done);
        })();
        const pending = [outcomeOf(rest), outcomeOf(clone.prompt("blue to ".repeat(100)))];
        pending.push(outcomeOf(session.append("the cat")));
        const outcomes = await Promise.all(pending);
        outcomes.push(
          await outcomeOf(session.prompt("the cat")),
          await outcomeOf(session.measureContextUsage("the cat")),
          await outcomeOf(clone.append("the cat")),
        );
        session.destroy();
        clone.destroy();
        return outcomes;
      }, llama);
      await expectAll(found, code);
    });

    it("beside an index, whose calls fail", async () => {
      const found = await site.opened.page.evaluate(async () => {
        const index: VectorIndex = await inglenook.VectorIndex.create({ dimensions: 384 });
        const vectors = Array.from({ length: 500 }, () => new Float32Array(384));
        end();
        let last: Outcome;
        do last = await outcomeOf(index.add(vectors));
        while (last.ok);
        const later = await outcomeOf(index.search(new Float32Array(384)));
        index.destroy();
        return [last, later];
      });
      await expectAll(found, code);
    });
  });
});
