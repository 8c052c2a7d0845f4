import { beforeAll, describe, expect, it } from "vitest";
import type { LanguageModel } from "../../web/src/index.js";
import { SMOL, sureChats, tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { lowestCosine, miniLm, pick } from "./harness/goldens.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

/** What a test leaves in the page for the next. */
interface Held {
  base: LanguageModel;
}

const TOKENS = 12;
const LONG = "Write a very long story about a lighthouse keeper and the sea.";

describe.skipIf(!hasChromium)("SmolLM2 in Chromium, on the CPU", () => {
  const site = useChromium();
  const [chat, other] = sureChats(TOKENS);
  if (!chat || !other) throw new Error("There are no two sure chats.");

  /** Loads the model once; the tests work with clones of a session that has read nothing. */
  beforeAll(async () => {
    const found = await site.opened.page.evaluate(
      async ([model, maxTokens]) => {
        const before = await inglenook.LanguageModel.availability({ model });
        const seen: number[] = [];
        const base = await inglenook.LanguageModel.create({
          model,
          device: "cpu",
          temperature: 0,
          maxTokens,
          monitor: (monitor) => {
            monitor.ondownloadprogress = ({ loaded }) => seen.push(loaded);
          },
        });
        Object.assign(globalThis, { base });
        const after = await inglenook.LanguageModel.availability({ model });
        const { contextUsage, contextWindow, device, fallback, bytesFetched } = base;
        return { before, after, seen, contextUsage, contextWindow, device, fallback, bytesFetched };
      },
      [SMOL, TOKENS] as const,
    );
    expect(found).toMatchObject({ before: "downloadable", after: "available" });
    expect(found).toMatchObject({ contextUsage: 0, contextWindow: 8192, device: "cpu", fallback: null });
    expect(found.bytesFetched).toBe(98_362_432);
    expect(found.seen[0]).toBe(0);
    expect(found.seen.at(-1)).toBe(1);
    expect(found.seen).toEqual([...new Set(found.seen)].sort((a, b) => a - b));
  });

  it("answers as the reference does, at once and piece by piece", async () => {
    const found = await site.opened.page.evaluate(async (messages) => {
      const { base } = globalThis as unknown as Held;
      const [whole, pieces] = [await base.clone(), await base.clone()];
      const measured = await whole.measureContextUsage(messages);
      const answer = await whole.prompt(messages);
      const chunks: string[] = [];
      const reader = pieces.promptStreaming(messages).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        chunks.push(value);
      }
      const { contextUsage, metrics } = whole;
      whole.destroy();
      pieces.destroy();
      return { measured, answer, chunks, contextUsage, metrics };
    }, chat.messages);
    expect(found.answer).toBe(chat.answer);
    expect(found.chunks.length).toBeGreaterThan(3);
    expect(found.chunks.join("")).toBe(chat.answer);
    expect(found.chunks).not.toContain("");
    expect(found.measured).toBe(chat.promptTokens);
    expect(found.contextUsage).toBe(chat.promptTokens + TOKENS);
    expect(found.metrics).toMatchObject({
      reason: "max-tokens",
      promptTokens: chat.promptTokens,
      generatedTokens: TOKENS,
    });
    console.log(`prompt: ${JSON.stringify(found.metrics)}`);
  });

  it("reads in a second turn only what is new, and a clone neither", async () => {
    const found = await site.opened.page.evaluate(
      async ([first, second]) => {
        const { base } = globalThis as unknown as Held;
        const session = await base.clone();
        await session.prompt(first);
        const usage = session.contextUsage;
        const clone = await session.clone();
        const answers = [await session.prompt(second), await clone.prompt(second)];
        const metrics = [session.metrics, clone.metrics];
        session.destroy();
        clone.destroy();
        return { usage, answers, metrics };
      },
      [chat.messages, other.messages] as const,
    );
    expect(found.answers[1]).toBe(found.answers[0]);
    for (const metrics of found.metrics) {
      // The last token of an answer has been made, but not read.
      expect(metrics?.reusedTokens).toBeGreaterThanOrEqual(found.usage - 1);
      expect(metrics?.promptTokens).toBeLessThan(found.usage + other.promptTokens);
    }
  });

  it("keeps apart what works at once: sessions, a clone from the middle of an answer, another model, an embedder", async () => {
    const [, tiny] = tinyChats();
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
    const golden = pick(miniLm(), [0, 40, 200]);
    const found = await site.opened.page.evaluate(
      async ([one, two, model, other, texts]) => {
        const { base } = globalThis as unknown as Held;
        const embedder = await inglenook.Embedder.create({ device: "cpu" });
        const [a, b] = [await base.clone(), await base.clone()];
        const reader = a.promptStreaming(one).getReader();
        const chunks = [(await reader.read()).value ?? ""];
        const c = await a.clone();
        const finishA = async () => {
          for (;;) {
            const { done, value } = await reader.read();
            if (done) return chunks.join("");
            chunks.push(value);
          }
        };
        const askAnother = async () => {
          const options = { model, device: "cpu", temperature: 0, maxTokens: other?.tokens } as const;
          const session = await inglenook.LanguageModel.create(options);
          const answer = await session.prompt(other?.messages ?? []);
          session.destroy();
          return answer;
        };
        let working = true;
        const embedAll = async () => {
          const rounds: number[][] = [];
          while (working) rounds.push(...(await embedder.embed(texts)).map((vector) => [...vector]));
          return rounds;
        };
        const embedding = embedAll();
        const answers = await Promise.all([finishA(), b.prompt(two), c.prompt(one), askAnother()]);
        working = false;
        const vectors = await embedding;
        const again = await Promise.all([a.prompt("Thank you."), c.prompt("Thank you.")]);
        for (const thing of [a, b, c, embedder]) thing.destroy();
        return { answers, again, vectors };
      },
      [chat.messages, other.messages, model, tiny, golden.texts] as const,
    );
    expect(found.answers).toEqual([chat.answer, other.answer, chat.answer, tiny?.answer]);
    expect(found.again[1]).toBe(found.again[0]);
    const { length } = found.vectors;
    expect(length).toBeGreaterThanOrEqual(golden.texts.length);
    const expected = Array.from(
      { length },
      (_, i) => golden.vectors[i % golden.vectors.length] as Float32Array,
    );
    expect(lowestCosine(found.vectors, expected)).toBeGreaterThanOrEqual(0.999);
  });

  it("reads without answering, and continues what an answer begins with", async () => {
    const prefix = chat.answer.slice(0, chat.answer.lastIndexOf(" "));
    const found = await site.opened.page.evaluate(
      async ([messages, prefix]) => {
        const { base } = globalThis as unknown as Held;
        const [session, prefixed] = [await base.clone(), await base.clone()];
        await session.append(messages);
        const usage = session.contextUsage;
        const after = await session.prompt([{ role: "assistant", content: prefix, prefix: true }]);
        const at = await prefixed.prompt([...messages, { role: "assistant", content: prefix, prefix: true }]);
        session.destroy();
        prefixed.destroy();
        return { usage, after, at };
      },
      [chat.messages, prefix] as const,
    );
    expect(found.usage).toBeGreaterThan(0);
    expect(found.usage).toBeLessThan(chat.promptTokens);
    expect(found.at.startsWith(chat.answer.slice(prefix.length))).toBe(true);
    expect(found.after).toBe(found.at);
  });

  it("ends an answer when aborted, and the session is as it was", async () => {
    const found = await site.opened.page.evaluate(
      async ([messages, long]) => {
        const { base } = globalThis as unknown as Held;
        const session = await base.clone();
        const abort = new AbortController();
        const reader = session.promptStreaming(long, { signal: abort.signal }).getReader();
        await reader.read();
        const abortedAt = performance.now();
        abort.abort();
        const streaming = await outcomeOf(reader.read());
        const usage = session.contextUsage;
        // What comes next waits for the step that was running.
        await session.measureContextUsage("x");
        const tookMs = performance.now() - abortedAt;
        // In the middle of a long prompt.
        const reading = new AbortController();
        setTimeout(() => reading.abort(), 100);
        const before = performance.now();
        const prompting = await outcomeOf(session.prompt(long.repeat(60), { signal: reading.signal }));
        const promptingMs = performance.now() - before;
        await session.measureContextUsage("x");
        const stoppedMs = performance.now() - before - promptingMs;
        const answer = await session.prompt(messages);
        session.destroy();
        return { streaming, prompting, usage, tookMs, promptingMs, stoppedMs, answer };
      },
      [chat.messages, LONG] as const,
    );
    expect(found.streaming).toMatchObject({ ok: false, name: "AbortError" });
    expect(found.prompting).toMatchObject({ ok: false, name: "AbortError" });
    expect(found.usage).toBe(0);
    expect(found.answer).toBe(chat.answer);
    console.log(
      `abort: free again ${found.tookMs.toFixed(1)} ms after it while writing, ${found.stoppedMs.toFixed(1)} ms while reading`,
    );
  });

  it("stops at a text, and chooses by the seed", async () => {
    const stop = chat.answer.slice(-3);
    const found = await site.opened.page.evaluate(
      async ([model, messages, stop]) => {
        const { LanguageModel } = inglenook;
        const common = { model, device: "cpu", maxTokens: 12 } as const;
        const stopping = await LanguageModel.create({ ...common, temperature: 0, stop: [stop] });
        const stopped = await stopping.prompt(messages);
        stopping.destroy();
        const seeded = await LanguageModel.create({ ...common, temperature: 1.5, topK: 0, seed: 7 });
        const again = await seeded.clone();
        const seededAnswers = [await seeded.prompt(messages), await again.prompt(messages)];
        const { bytesFetched } = seeded;
        seeded.destroy();
        again.destroy();
        return { stopped, seededAnswers, bytesFetched };
      },
      [SMOL, chat.messages, stop] as const,
    );
    expect(found.stopped).toBe(chat.answer.slice(0, chat.answer.indexOf(stop)));
    expect(found.seededAnswers[0]).toBe(found.seededAnswers[1]);
    expect(found.seededAnswers[0]).not.toBe(chat.answer);
    expect(found.bytesFetched).toBe(0);
  });

  it("leaves the oldest turns out when the context is full, and says so", async () => {
    const found = await site.opened.page.evaluate(
      async ([model, long]) => {
        const session = await inglenook.LanguageModel.create({
          model,
          device: "cpu",
          temperature: 0,
          maxTokens: 8,
          contextWindow: 160,
          initialPrompts: [{ role: "system", content: "You are brief." }],
        });
        let overflows = 0;
        session.oncontextoverflow = () => overflows++;
        const usages: number[] = [];
        for (let turn = 0; turn < 6; turn++) {
          await session.prompt(`Turn ${turn}. ${long}`);
          usages.push(session.contextUsage);
        }
        const { contextWindow } = session;
        const tooLong = await session.prompt(long.repeat(20)).catch((error) => ({
          name: error.name,
          requested: error.requested,
          quota: error.quota,
          isDomException: error instanceof DOMException,
        }));
        const usage = session.contextUsage;
        const after = await session.prompt("Still there?");
        session.destroy();
        const creating = inglenook.LanguageModel.create({
          model,
          device: "cpu",
          contextWindow: 160,
          initialPrompts: [{ role: "system", content: long.repeat(20) }],
        });
        const created = await outcomeOf(creating);
        return { overflows, usages, contextWindow, tooLong, usage, after, created };
      },
      [SMOL, LONG] as const,
    );
    expect(found.contextWindow).toBe(160);
    expect(found.overflows).toBeGreaterThan(0);
    expect(Math.max(...found.usages)).toBeLessThanOrEqual(160);
    expect(found.tooLong).toMatchObject({ name: "QuotaExceededError", quota: 160, isDomException: true });
    expect((found.tooLong as { requested: number }).requested).toBeGreaterThan(160);
    expect(found.usage).toBe(found.usages.at(-1));
    expect(found.after).not.toBe("");
    expect(found.created).toMatchObject({ ok: false, name: "QuotaExceededError" });
  });

  it("works without a network once it is loaded, and asks for nothing", async () => {
    const { server, opened } = site;
    const asked = server.requests.length;
    const prompt = () =>
      opened.page.evaluate(async (messages) => {
        const { base } = globalThis as unknown as Held;
        const session = await base.clone();
        const answer = await session.prompt(messages);
        session.destroy();
        return answer;
      }, chat.messages);
    expect(await prompt()).toBe(chat.answer);
    await opened.context.setOffline(true);
    expect(await prompt()).toBe(chat.answer);
    await opened.context.setOffline(false);
    expect(server.requests.length).toBe(asked);
    for (const { method, query, hasBody } of server.requests) {
      expect({ method, query, hasBody }).toEqual({ method: "GET", query: "", hasBody: false });
    }
    expect(server.violations).toEqual([]);
  });

  it("ends with its last session, and is the global one where there is none", async () => {
    const found = await site.opened.page.evaluate(async () => {
      const { base } = globalThis as unknown as Held;
      const { LanguageModel, install } = inglenook;
      const scope = globalThis as { LanguageModel?: unknown };
      const native = scope.LanguageModel;
      const installed = [install(), scope.LanguageModel === (native ?? LanguageModel)];
      const pending = outcomeOf(base.prompt("Hello"));
      const clone = await base.clone();
      base.destroy();
      const destroyed = [await pending, await outcomeOf(base.prompt("Hello"))];
      const answered = await clone.prompt("Hello");
      clone.destroy();
      return { installed, hadNone: !native, destroyed, answered, isOne: clone instanceof LanguageModel };
    });
    expect(found.installed).toEqual([found.hadNone, true]);
    for (const outcome of found.destroyed) expect(outcome).toMatchObject({ ok: false, name: "AbortError" });
    expect(found.answered).not.toBe("");
    expect(found.isOne).toBe(true);
    expect(await workersLeft(site.opened.page)).toBe(0);
    expect(site.opened.errors).toEqual([]);
  });
});
