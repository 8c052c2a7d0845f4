import { type FaultyDevice, orFault } from "./gpu-fault.js";
import type { Pace } from "./pace.js";
import type { ChatFinish, ChatProgress, ChatTimes, Requests } from "./protocol.js";
import type { Order, Task } from "./turns.js";
import type { ChatJob, ChatModel, ChatSession, ChatStep } from "./wasm.js";

/** A loaded model, as tasks use it. */
export interface ChatEngine {
  device: FaultyDevice;
  model: ChatModel;
}

type Finish = Extract<ChatStep, { kind: "done" }>;

/** A conversation that is read and answered: at the first step it becomes tokens, then a chunk or one token a step. */
export class ChatTask implements Task<ChatFinish> {
  readonly #engine: ChatEngine;
  readonly #pace: Pace;
  readonly #params: Requests["chat-prompt"]["params"];
  readonly #session: () => ChatSession;
  readonly #onProgress: (progress: ChatProgress) => void;
  readonly #arrivedAt = performance.now();
  /** Made at the first step, when what came before in the session is over. */
  #job: ChatJob | undefined;
  #firstTokenMs: number | undefined;
  #prefillMs = 0;
  #decodeMs = 0;
  #finish: Finish | undefined;

  /** `session` gives the session when the task begins. */
  constructor(
    engine: ChatEngine,
    pace: Pace,
    params: Requests["chat-prompt"]["params"],
    session: () => ChatSession,
    onProgress: (progress: ChatProgress) => void,
  ) {
    this.#engine = engine;
    this.#pace = pace;
    this.#params = params;
    this.#session = session;
    this.#onProgress = onProgress;
  }

  async step(order: Order): Promise<boolean> {
    if (!this.#job) {
      this.#job = this.#plan();
      return false;
    }
    const { device, model } = this.#engine;
    const { chunk } = this.#pace;
    const before = performance.now();
    const step = await orFault(device, this.#job.step(model, this.#session(), chunk));
    const ms = performance.now() - before;
    this.#count(step, ms);
    // A step that only reads has read a whole chunk.
    if (step.kind === "prefill") this.#pace.took(chunk, ms);
    if (step.kind === "text" && step.text && !order.cancelled) {
      this.#onProgress({ text: step.text, tokens: step.tokens, times: this.#times() });
    }
    return step.kind === "done";
  }

  result(): ChatFinish {
    const { reason, promptTokens, reusedTokens, generatedTokens } = this.#finish as Finish;
    return { reason, promptTokens, reusedTokens, generatedTokens, ...this.#times() };
  }

  release(): void {
    this.#job?.free();
  }

  #times(): ChatTimes {
    return {
      firstTokenMs: this.#firstTokenMs ?? performance.now() - this.#arrivedAt,
      prefillMs: this.#prefillMs,
      decodeMs: this.#decodeMs,
    };
  }

  /**
   * Runs the template and the tokenizer, in one go: milliseconds for thousands of tokens. What is too long for the
   * window is tried without its oldest messages, about as often as their number has binary digits.
   */
  #plan(): ChatJob {
    const { messages, keep, options } = this.#params;
    const job = this.#engine.model.plan([...messages], { ...options, keep });
    const dropped = job.dropped();
    if (dropped > 0) this.#onProgress({ dropped });
    return job;
  }

  #count(step: ChatStep, ms: number): void {
    if (this.#firstTokenMs === undefined) this.#prefillMs += ms;
    else this.#decodeMs += ms;
    if (step.kind === "prefill") return;
    this.#firstTokenMs ??= performance.now() - this.#arrivedAt;
    if (step.kind === "done") this.#finish = step;
  }
}
