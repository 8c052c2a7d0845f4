import type {
  ChatFinish,
  ChatLoaded,
  ChatMessage,
  FromWorker,
  Requests,
  ToWorker,
} from "../../web/src/worker/protocol.js";
import { provenanceOn } from "./fake-provenance.js";
import { FakeWorker } from "./fake-worker.js";

type Prompt = Requests["chat-prompt"]["params"];

const wordsOf = (text: string) => text.split(" ").filter(Boolean).length;

/** Tokens of messages, as the fake has it: the words, and one for each message. */
const tokensOf = (messages: readonly ChatMessage[]) =>
  messages.reduce((sum, { content }) => sum + 1 + wordsOf(content), 0);

/** The answer goes on, and has taken a millisecond for each token. */
export const said = (text: string, tokens = 1) => ({
  text,
  tokens,
  times: { firstTokenMs: 10, prefillMs: 5, decodeMs: tokens },
});

/**
 * Answers chat requests: a prompt with the words of its last message, one at a time, in capitals. Keeps what it was
 * asked.
 */
export class FakeChat {
  loaded: ChatLoaded = { provenance: provenanceOn("cpu"), contextWindow: 100 };
  readonly prompts: Prompt[] = [];
  /** Sees every request first; `true` when it has taken care of it. */
  intercept: (worker: FakeWorker, message: ToWorker) => boolean | undefined = () => false;

  constructor() {
    FakeWorker.onRequest = (worker, message) => {
      if (!this.intercept(worker, message)) this.#answer(worker, message);
    };
  }

  /** What the prompts so far were, as texts. */
  get conversations(): string[] {
    return this.prompts.map(({ messages }) =>
      messages.map(({ role, content }) => `${role}: ${content}`).join(" | "),
    );
  }

  /** The kinds of the requests that a worker was sent. */
  kinds(worker = 0): string[] {
    return FakeWorker.started[worker]?.received.map(({ kind }) => kind) ?? [];
  }

  #answer(worker: FakeWorker, message: ToWorker): void {
    const { id } = message;
    const done = (result: Extract<FromWorker, { kind: "done" }>["result"]) =>
      worker.say({ id, kind: "done", result });
    if (message.kind === "chat-load") {
      for (const bytesLoaded of [0, 4]) {
        worker.say({
          id,
          kind: "progress",
          progress: { bytesLoaded, bytesFetched: bytesLoaded, bytesTotal: 4 },
        });
      }
      done(this.loaded);
    } else if (message.kind === "chat-count") {
      done(tokensOf(message.params.messages));
    } else if (message.kind === "chat-prompt") {
      this.prompts.push(message.params);
      this.#generate(worker, id, message.params);
    } else if (message.kind !== "abort") done(undefined);
  }

  #generate(worker: FakeWorker, id: number, { messages, options }: Prompt): void {
    const words = options.generate ? (messages.at(-1)?.content.toUpperCase().split(" ") ?? []) : [];
    words.forEach((word, i) => {
      const text = i === 0 ? word : ` ${word}`;
      worker.say({ id, kind: "progress", progress: said(text, i + 1) });
    });
    const result = finished({
      reason: options.generate ? "end" : "appended",
      promptTokens: tokensOf(messages) + wordsOf(options.prefix ?? ""),
      generatedTokens: words.length,
    });
    worker.say({ id, kind: "done", result });
  }
}

/** How an answer ended. */
export const finished = (some: Partial<ChatFinish> = {}): ChatFinish => ({
  reason: "end",
  promptTokens: 1,
  reusedTokens: 0,
  generatedTokens: 1,
  firstTokenMs: 1,
  prefillMs: 1,
  decodeMs: 1,
  ...some,
});
