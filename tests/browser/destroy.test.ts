import { beforeAll, describe, expect, it } from "vitest";
import type { CreateMonitor, ModelManifest } from "../../web/src/index.js";
import { tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { hostModel, tinyFolder, tinyGguf } from "./harness/models.js";
import type { Outcome } from "./harness/page.js";
import { dripping } from "./harness/replies.js";
import { useChromium } from "./harness/use-chromium.js";

interface Models {
  bert: ModelManifest;
  llama: ModelManifest;
  /** Bert, whose weights take two seconds to come. */
  slow: ModelManifest;
}

/** Runs in the page and stands alone; gives how everything ended that was under way or came later. */
type Drill = (models: Models) => Promise<Outcome[]>;

const WHEN_CREATED: Record<string, Drill> = {
  "an embedder, at once": async ({ bert }) => {
    const stop = new AbortController();
    const outcome = outcomeOf(inglenook.Embedder.create({ model: bert, signal: stop.signal }));
    stop.abort();
    return [await outcome];
  },

  "an embedder, in its download": async ({ slow }) => {
    const stop = new AbortController();
    const monitor = (monitor: CreateMonitor) => {
      monitor.ondownloadprogress = ({ loaded }) => loaded > 0.3 && stop.abort();
    };
    return [await outcomeOf(inglenook.Embedder.create({ model: slow, signal: stop.signal, monitor }))];
  },

  "an embedder, while it is prepared": async ({ bert }) => {
    const stop = new AbortController();
    const monitor = (monitor: CreateMonitor) => {
      monitor.onprepareprogress = () => stop.abort();
    };
    return [await outcomeOf(inglenook.Embedder.create({ model: bert, signal: stop.signal, monitor }))];
  },

  "a session, at once": async ({ llama }) => {
    const stop = new AbortController();
    const outcome = outcomeOf(inglenook.LanguageModel.create({ model: llama, signal: stop.signal }));
    stop.abort();
    return [await outcome];
  },

  "a session, while it is prepared": async ({ llama }) => {
    const stop = new AbortController();
    const monitor = (monitor: CreateMonitor) => {
      monitor.onprepareprogress = () => stop.abort();
    };
    return [await outcomeOf(inglenook.LanguageModel.create({ model: llama, signal: stop.signal, monitor }))];
  },

  "a session, while it reads its initial prompts": async ({ llama }) => {
    const stop = new AbortController();
    const content = "the cat tells a story ".repeat(100);
    const monitor = (monitor: CreateMonitor) => {
      monitor.onprepareprogress = ({ loaded }) => loaded === 1 && setTimeout(() => stop.abort());
    };
    const initialPrompts = [{ role: "system", content }] as const;
    const options = { model: llama, signal: stop.signal, monitor, initialPrompts };
    return [await outcomeOf(inglenook.LanguageModel.create(options))];
  },

  "an index": async () => {
    const stop = new AbortController();
    const outcome = outcomeOf(inglenook.VectorIndex.create({ dimensions: 2, signal: stop.signal }));
    stop.abort();
    return [await outcome];
  },
};

const WHEN_DESTROYED: Record<string, Drill> = {
  "an embedder, before its first call is done": async ({ bert }) => {
    const embedder = await inglenook.Embedder.create({ model: bert });
    const outcomes = [outcomeOf(embedder.embed(["one"])), outcomeOf(embedder.embed(["two"]))];
    embedder.destroy();
    return Promise.all(outcomes);
  },

  "an embedder, in the middle of a call": async ({ bert }) => {
    const embedder = await inglenook.Embedder.create({ model: bert });
    const texts = Array(20_000).fill("The tide rises and falls twice a day.");
    const onProgress = () => embedder.destroy();
    const outcomes = [outcomeOf(embedder.embed(texts, { onProgress })), outcomeOf(embedder.embed(texts))];
    await Promise.all(outcomes);
    outcomes.push(outcomeOf(embedder.embed(["late"])), outcomeOf(embedder.embed([])));
    embedder.destroy();
    return Promise.all(outcomes);
  },

  "an index, in the middle of everything": async () => {
    const index = await inglenook.VectorIndex.create({ dimensions: 384 });
    const vectors = Array.from({ length: 2000 }, () => new Float32Array(384));
    const outcomes = [
      outcomeOf(index.add(vectors)),
      outcomeOf(index.search(new Float32Array(384))),
      outcomeOf(index.clear()),
    ];
    index.destroy();
    outcomes.push(
      outcomeOf(index.add(vectors)),
      outcomeOf(index.add([])),
      outcomeOf(index.search(new Float32Array(384))),
      outcomeOf(index.clear()),
    );
    index.destroy();
    return Promise.all(outcomes);
  },
};

const WHEN_A_SESSION_ENDS: Record<string, Drill> = {
  "before its first call is done": async ({ llama }) => {
    const session = await inglenook.LanguageModel.create({ model: llama });
    const outcomes = [
      outcomeOf(session.prompt("the cat")),
      outcomeOf(session.append("the cat")),
      outcomeOf(session.measureContextUsage("the cat")),
      outcomeOf(session.clone()),
    ];
    session.destroy();
    return Promise.all(outcomes);
  },

  "in the middle of an answer": async ({ llama }) => {
    const session = await inglenook.LanguageModel.create({ model: llama, temperature: 0 });
    const reader = session.promptStreaming("the cat tells a story").getReader();
    await reader.read();
    const outcomes = [
      outcomeOf(session.prompt("blue to")),
      outcomeOf(session.append("blue to")),
      outcomeOf(session.promptStreaming("blue to").getReader().read()),
    ];
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    outcomes.push(outcomeOf(rest()));
    session.destroy();
    outcomes.push(outcomeOf(session.prompt("late")), outcomeOf(session.append("late")));
    outcomes.push(outcomeOf(session.clone()), outcomeOf(session.measureContextUsage("late")));
    outcomes.push(outcomeOf((async () => session.promptStreaming("late"))()));
    session.destroy();
    return Promise.all(outcomes);
  },

  "while a long prompt is read": async ({ llama }) => {
    const session = await inglenook.LanguageModel.create({ model: llama });
    const outcomes = [
      outcomeOf(session.append("the cat tells a story ".repeat(80))),
      outcomeOf(session.prompt("blue to")),
    ];
    await new Promise((resolve) => setTimeout(resolve, 20));
    session.destroy();
    return Promise.all(outcomes);
  },

  "with answers that nobody reads": async ({ llama }) => {
    const session = await inglenook.LanguageModel.create({ model: llama, temperature: 0 });
    const streams = [session.promptStreaming("the cat"), session.promptStreaming("blue to")];
    await new Promise((resolve) => setTimeout(resolve, 20));
    session.destroy();
    // What was said before comes first.
    const read = async (stream: ReadableStream<string>) => {
      for await (const _ of stream);
    };
    return Promise.all(streams.map((stream) => outcomeOf(read(stream))));
  },

  "while it is cloned": async ({ llama }) => {
    const session = await inglenook.LanguageModel.create({ model: llama });
    const outcomes = [outcomeOf(session.clone()), outcomeOf(session.clone())];
    session.destroy();
    return Promise.all(outcomes);
  },

  "by its signal": async ({ llama }) => {
    const stop = new AbortController();
    const session = await inglenook.LanguageModel.create({ model: llama, signal: stop.signal });
    const outcomes = [
      outcomeOf(session.prompt("the cat")),
      outcomeOf(session.clone()),
      outcomeOf(session.measureContextUsage("the cat")),
    ];
    stop.abort();
    outcomes.push(outcomeOf(session.append("late")));
    return Promise.all(outcomes);
  },
};

const ABORTED = { ok: false, isInglenookError: false, name: "AbortError" };
const DESTROYED = { ok: false, isInglenookError: true, code: "destroyed" };

describe.skipIf(!hasChromium)("what is under way and what comes later fails, when", () => {
  const site = useChromium();
  let models: Models;

  beforeAll(() => {
    const weights = "model.safetensors";
    const files = tinyFolder();
    const slowly = dripping(files[weights] as Uint8Array, { parts: 40, everyMs: 50 });
    models = {
      bert: hostModel(site.server, tinyGguf()),
      llama: hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") }),
      slow: hostModel(site.server, files, { [weights]: slowly }),
    };
  });

  async function expectAll(drill: Drill, outcome: Partial<Outcome>) {
    const { page, errors } = site.opened;
    const outcomes = await page.evaluate(drill, models);
    expect(outcomes).toEqual(outcomes.map(() => expect.objectContaining(outcome)));
    expect(await workersLeft(page)).toBe(0);
    const { held, pending } = await page.evaluate(() => navigator.locks.query());
    expect([held?.length, pending?.length]).toEqual([0, 0]);
    expect(errors).toEqual([]);
  }

  it.each(Object.entries(WHEN_CREATED))("the creation is aborted of %s", (_, drill) =>
    expectAll(drill, ABORTED),
  );

  it.each(Object.entries(WHEN_DESTROYED))("this is destroyed: %s", (_, drill) => expectAll(drill, DESTROYED));

  it.each(Object.entries(WHEN_A_SESSION_ENDS))("a session ends %s", (_, drill) => expectAll(drill, ABORTED));

  it("leaves a session's clone alone", async () => {
    const found = await site.opened.page.evaluate(async (model) => {
      const session = await inglenook.LanguageModel.create({ model, temperature: 0, maxTokens: 8 });
      const clone = await session.clone();
      const [failing, answering] = [outcomeOf(session.prompt("blue to")), clone.prompt("blue to")];
      session.destroy();
      const answer = await answering;
      clone.destroy();
      return { outcome: await failing, answer };
    }, models.llama);
    expect(found.outcome).toMatchObject(ABORTED);
    expect(found.answer).not.toBe("");
    expect(await workersLeft(site.opened.page)).toBe(0);
  });
});
