import {
  LanguageModel,
  type LanguageModelAppendOptions,
  type LanguageModelMetrics,
  type LanguageModelPrompt,
  type LanguageModelPromptOptions,
  type LanguageModelSamplingMode,
} from "../language-model.js";
import { unlessAborted } from "../model-host.js";
import type { Provenance } from "../provenance.js";
import type { ChatMessage, DeviceKind, Fallback, Sampling } from "../worker/protocol.js";
import type { ChatEngine } from "./engine.js";
import { inSpecWords } from "./exceptions.js";
import { type CanonicalPrompt, canonicalPrompt, misplacedSystem, wholeMessages } from "./prompt.js";
import { follow } from "./signals.js";
import { iterable } from "./stream.js";

/** What a session and its clones have in common. */
export interface SessionSetup {
  engine: ChatEngine;
  model: string;
  sampling: Sampling;
  samplingMode: LanguageModelSamplingMode;
  /** How many of the messages, from the first, are the initial ones. */
  keep: number;
}

/** A conversation. Its messages are here; what the worker has of it is a cache. */
export class Session extends LanguageModel {
  readonly #setup: SessionSetup;
  readonly #number: number;
  readonly #life = new AbortController();
  readonly #onDeviceChange = () => this.dispatchEvent(new Event("devicechange"));
  #messages: ChatMessage[];
  #usage: number;
  #metrics: LanguageModelMetrics | null = null;
  /** Settles with the last of the calls so far. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(setup: SessionSetup, number: number, messages: ChatMessage[] = [], usage = 0) {
    super();
    this.#setup = setup;
    this.#number = number;
    this.#messages = messages;
    this.#usage = usage;
    setup.engine.addEventListener("devicechange", this.#onDeviceChange);
  }

  get contextUsage(): number {
    return this.#usage;
  }

  get contextWindow(): number {
    return this.#setup.engine.loaded.contextWindow;
  }

  get samplingMode(): LanguageModelSamplingMode {
    return this.#setup.samplingMode;
  }

  get model(): string {
    return this.#setup.model;
  }

  get device(): DeviceKind {
    return this.provenance.device.kind;
  }

  get fallback(): Fallback | null {
    return this.provenance.fallback;
  }

  get provenance(): Provenance {
    return this.#setup.engine.loaded.provenance;
  }

  get bytesFetched(): number {
    return this.#setup.engine.bytesFetched;
  }

  get metrics(): LanguageModelMetrics | null {
    return this.#metrics;
  }

  async prompt(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<string> {
    let answer = "";
    await this.#answer(input, options, [options?.signal], (text) => {
      answer += text;
    });
    return answer;
  }

  promptStreaming(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): ReadableStream<string> {
    this.#life.signal.throwIfAborted();
    options?.signal?.throwIfAborted();
    const cancel = new AbortController();
    const signals = [options?.signal, cancel.signal];
    const stream = new ReadableStream<string>({
      start: (stream) => {
        this.#answer(input, options, signals, (text) => stream.enqueue(text)).then(
          // A stream that was cancelled just after the last token is closed.
          () => cancel.signal.aborted || stream.close(),
          (error) => stream.error(error),
        );
      },
      cancel: () => cancel.abort(),
    });
    return iterable(stream);
  }

  async append(input: LanguageModelPrompt, options?: LanguageModelAppendOptions): Promise<void> {
    await this.#operate([options?.signal], (signal) => {
      const messages = wholeMessages(canonicalPrompt(input));
      return this.#inTurn(signal, () => this.#take({ messages, prefix: undefined }, false, signal, () => {}));
    });
  }

  async measureContextUsage(
    input: LanguageModelPrompt,
    options?: LanguageModelPromptOptions,
  ): Promise<number> {
    return this.#operate([options?.signal], async (signal) => {
      requireNoConstraint(options);
      const prompt = canonicalPrompt(input);
      // Both as they are now: an answer that is under way may end while the worker counts.
      const [before, all] = [this.#usage, [...this.#messages, ...wholeMessages(prompt)]];
      const count = await this.#setup.engine.count(all, prompt.prefix === undefined, signal);
      return Math.max(0, count - before);
    });
  }

  async clone(options?: LanguageModelAppendOptions): Promise<LanguageModel> {
    return this.#operate([options?.signal], async (signal) => {
      const number = this.#setup.engine.open(this.#number);
      const clone = new Session(this.#setup, number, [...this.#messages], this.#usage);
      // Then nobody gets it, who could end it.
      signal.addEventListener("abort", () => clone.destroy());
      return clone;
    });
  }

  destroy(): void {
    this.#end(new DOMException("The session was destroyed.", "AbortError"));
  }

  /** Ends the session when `signal` is aborted, which forgets a session that has ended. */
  endWith(signal: AbortSignal): void {
    signal.addEventListener("abort", () => this.#end(signal.reason), { signal: this.#life.signal });
  }

  /** Pending and later calls reject with `reason`. */
  #end(reason: unknown): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort(reason);
    this.#setup.engine.removeEventListener("devicechange", this.#onDeviceChange);
    this.#setup.engine.close(this.#number, reason);
  }

  /** Answers `input`, in turn. */
  #answer(
    input: LanguageModelPrompt,
    options: LanguageModelPromptOptions | undefined,
    signals: (AbortSignal | undefined)[],
    onText: (text: string) => void,
  ): Promise<void> {
    return this.#operate(signals, (signal) => {
      requireNoConstraint(options);
      const prompt = canonicalPrompt(input);
      return this.#inTurn(signal, () => this.#take(prompt, true, signal, onText));
    });
  }

  /** Does `work` until one of `signals`, or the end of the session, ends it; errors have the specification's names. */
  async #operate<T>(
    signals: (AbortSignal | undefined)[],
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { signal, release } = follow(this.#life.signal, ...signals);
    try {
      signal.throwIfAborted();
      return await unlessAborted(work(signal), signal);
    } catch (error) {
      throw inSpecWords(error, "UnknownError");
    } finally {
      release();
    }
  }

  /** Does `work` after what was asked for before. */
  #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => {
      signal.throwIfAborted();
      return work();
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Reads `prompt` and, if asked to, answers it; then, and only then, both are part of the conversation. */
  async #take(
    { messages, prefix }: CanonicalPrompt,
    generate: boolean,
    signal: AbortSignal,
    onText: (text: string) => void,
  ): Promise<void> {
    const { engine, keep, sampling } = this.#setup;
    if (this.#messages.length > 0 && messages[0]?.role === "system") throw misplacedSystem();
    const before = this.#messages;
    let [added, answer] = [messages, prefix ?? ""];
    const turn = engine.take({
      session: this.#number,
      messages: () => [...this.#messages, ...added],
      keep,
      options: generate ? { seed: randomSeed(), ...sampling, generate, prefix } : { generate },
      signal,
      onText: (text) => {
        answer += text;
        onText(text);
      },
      onDropped: (count) => {
        added = this.#drop(count, added);
      },
    });
    const finish = await turn.catch(async (error) => {
      if (this.#messages !== before) await this.#recount();
      throw error;
    });
    const made: ChatMessage[] = generate ? [{ role: "assistant", content: answer }] : [];
    this.#messages = [...this.#messages, ...added, ...made];
    this.#usage = finish.promptTokens + finish.generatedTokens;
    if (generate) this.#metrics = finish;
  }

  /**
   * Leaves out the oldest messages that may be, of the conversation and then of what is `added` to it; the result is
   * what is left of that. They do not come back, even if what they made room for fails.
   */
  #drop(count: number, added: ChatMessage[]): ChatMessage[] {
    const { keep } = this.#setup;
    const others = [...this.#messages, ...added].filter(({ role }, i) => i >= keep && role !== "system");
    const gone = new Set(others.slice(0, count));
    const stays = (message: ChatMessage) => !gone.has(message);
    this.#messages = this.#messages.filter(stays);
    this.dispatchEvent(new Event("contextoverflow"));
    return added.filter(stays);
  }

  /** Counts the tokens of a conversation that has only become shorter. */
  async #recount(): Promise<void> {
    const messages = this.#messages;
    try {
      const { engine } = this.#setup;
      this.#usage = messages.length && (await engine.count(messages, false, this.#life.signal));
    } catch {
      // The session has ended, or its worker: the next prompt says so.
    }
  }
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}

function requireNoConstraint(options: LanguageModelPromptOptions | undefined): void {
  if (options?.responseConstraint) {
    throw new DOMException("There is no responseConstraint yet.", "NotSupportedError");
  }
  if (options?.omitResponseConstraintInput) {
    throw new TypeError("omitResponseConstraintInput goes with a responseConstraint.");
  }
}
