import { ModelHost } from "../model-host.js";
import type {
  ChatFinish,
  ChatLoaded,
  ChatMessage,
  ChatOptions,
  ChatProgress,
  LoadProgress,
  Requests,
} from "../worker/protocol.js";
import { started, type WorkerPort } from "../worker-client.js";

/** A conversation to be read or answered. */
export interface Turn {
  session: number;
  /** All of the conversation, as it is when the turn begins (again). */
  messages(): ChatMessage[];
  keep: number;
  options: ChatOptions;
  signal: AbortSignal;
  onText(text: string): void;
  onDropped(count: number): void;
}

type Said = Extract<ChatProgress, { text: string }>;

/** A loaded language model for a session and its clones. Ends with the last of them. Fires `devicechange`. */
export class ChatEngine extends EventTarget {
  readonly #host: ModelHost<"chat-load">;
  readonly #open = new Set<number>();
  #nextSession = 0;

  private constructor(host: ModelHost<"chat-load">) {
    super();
    this.#host = host;
    host.onmove = () => this.dispatchEvent(new Event("devicechange"));
  }

  static async load(
    params: Requests["chat-load"]["params"],
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal | undefined,
  ): Promise<ChatEngine> {
    const source = { kind: "chat-load", params, startWorker, onProgress } as const;
    return new ChatEngine(await ModelHost.start(source, signal));
  }

  get loaded(): ChatLoaded {
    return this.#host.loaded;
  }

  get bytesFetched(): number {
    return this.#host.bytesFetched;
  }

  /** A number for a new session; one that goes on from `parent`, if there is one. */
  open(parent?: number): number {
    const session = this.#nextSession++;
    this.#open.add(session);
    // What the parent has read is a saving and no more: a copy that fails is read anew.
    if (parent !== undefined) void this.#send("chat-fork", { session: parent, to: session });
    return session;
  }

  /** Gives a session up, and with the last one the worker. */
  close(session: number, reason: unknown): void {
    this.#open.delete(session);
    if (this.#open.size === 0) this.#host.end(reason);
    else void this.#send("chat-close", { session });
  }

  /** How many tokens the messages are. */
  count(messages: ChatMessage[], generate: boolean, signal: AbortSignal): Promise<number> {
    return this.#host.run(
      ({ client }) => client.call("chat-count", { messages, generate }, { signal }),
      signal,
    );
  }

  /**
   * Reads a conversation and answers it. If the GPU fails in the middle, the answer goes on from what there is of
   * it, on the CPU.
   */
  async take({ session, messages, keep, options, signal, onText, onDropped }: Turn): Promise<ChatFinish> {
    const { prefix = "", maxTokens } = options;
    let text = "";
    let [said, lost]: (Said | undefined)[] = [];
    const finish = await this.#host.run(({ client }) => {
      // The second time, which is the last, the model has moved to the CPU.
      lost = said;
      const rest = lost ? continued(options, prefix + text, maxTokens && maxTokens - lost.tokens) : options;
      return client.call(
        "chat-prompt",
        { session, messages: messages(), keep, options: rest },
        {
          signal,
          onProgress: (progress) => {
            if ("dropped" in progress) return onDropped(progress.dropped);
            said = progress;
            text += progress.text;
            onText(progress.text);
          },
        },
      );
    }, signal);
    return lost ? joined(lost, finish) : finish;
  }

  async #send<K extends "chat-fork" | "chat-close">(kind: K, params: Requests[K]["params"]): Promise<void> {
    await this.#host.run(({ client }) => client.call(kind, params), undefined).catch(() => {});
  }
}

function continued(options: ChatOptions, prefix: string, maxTokens: number | undefined): ChatOptions {
  return { ...options, prefix, maxTokens: maxTokens === undefined ? undefined : Math.max(1, maxTokens) };
}

/** How an answer ended that another worker began: what that had `said`, this one read as part of the prompt. */
function joined({ tokens, times }: Said, finish: ChatFinish): ChatFinish {
  return {
    ...finish,
    promptTokens: finish.promptTokens - tokens,
    generatedTokens: finish.generatedTokens + tokens,
    firstTokenMs: times.firstTokenMs,
    prefillMs: times.prefillMs + finish.prefillMs,
    decodeMs: times.decodeMs + finish.decodeMs,
  };
}

function startWorker(): WorkerPort {
  return started(
    () =>
      new Worker(new URL("./chat-worker.js", import.meta.url), { type: "module", name: "inglenook chat" }),
  );
}
