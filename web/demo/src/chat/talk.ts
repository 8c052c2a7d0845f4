import type { LanguageModel } from "inglenook";
import { asFailure, type Failure, isAbort } from "../work/failure";
import type { Model } from "../work/model";
import type { Conversation } from "./conversation";

export type TalkState =
  | { readonly phase: "idle" }
  /** The model is being loaded, or reads what was said before it. */
  | { readonly phase: "reading" }
  | { readonly phase: "answering" }
  | { readonly phase: "failed"; readonly failure: Failure };

/** How large the conversation is for the model, in tokens. */
export interface Room {
  readonly used: number;
  readonly window: number;
}

/** Speaks the conversation to the model. Fires `change`, and `partial` whenever the answer grows. */
export class Talk extends EventTarget {
  #state: TalkState = { phase: "idle" };
  #session: LanguageModel | null = null;
  /** The answer that is being written. */
  #partial = "";
  #abort = new AbortController();
  #overflowed = false;
  #speed: number | null = null;

  constructor(
    readonly model: Model<LanguageModel>,
    readonly conversation: Conversation,
  ) {
    super();
    model.addEventListener("change", () => {
      if (model.current === null) this.#forgetSession();
    });
  }

  get state(): TalkState {
    return this.#state;
  }

  get busy(): boolean {
    return this.#state.phase === "reading" || this.#state.phase === "answering";
  }

  get partial(): string {
    return this.#partial;
  }

  /** Whether the oldest messages have left the model's window. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Tokens per second of the last answer. */
  get speed(): number | null {
    return this.#speed;
  }

  get room(): Room | null {
    const session = this.#session ?? this.model.current;
    return session && { used: session.contextUsage, window: session.contextWindow };
  }

  /** Says something to the model, and adds its answer to the conversation. */
  async send(text: string): Promise<void> {
    if (this.busy || text.trim() === "") return;
    this.conversation.add("user", text);
    await this.#answer();
  }

  /** Drops the last answer and asks for another one. */
  async regenerate(): Promise<void> {
    const asked = this.conversation.turns.findLastIndex(({ role }) => role === "user");
    if (this.busy || asked < 0) return;
    this.#forgetSession();
    this.conversation.cut(asked + 1);
    await this.#answer();
  }

  /** Puts `text` in the place of message `at`; what came after it is dropped. */
  async edit(at: number, text: string): Promise<void> {
    if (this.busy || text.trim() === "") return;
    this.#forgetSession();
    this.conversation.cut(at);
    await this.send(text);
  }

  /** Ends the answer where it is; what there is of it stays. */
  stop(): void {
    this.#abort.abort();
  }

  /** Drops the conversation. */
  clear(): void {
    this.stop();
    this.#forgetSession();
    this.conversation.cut(0);
    this.#become({ phase: "idle" });
  }

  async #answer(): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const { turns } = this.conversation;
    const question = turns.at(-1)?.content ?? "";
    this.#partial = "";
    this.#become({ phase: "reading" });
    try {
      const session = await this.#sessionFor(turns.slice(0, -1), signal);
      await this.#listen(session, question, signal);
      if (signal.aborted) throw signal.reason;
      const { generatedTokens = 0, decodeMs = 0 } = session.metrics ?? {};
      if (decodeMs > 0) this.#speed = ((generatedTokens - 1) / decodeMs) * 1000;
      this.#become({ phase: "idle" });
    } catch (error) {
      // The session was left as it was before the question: the next one begins from the conversation again.
      this.#forgetSession();
      this.#become(isAbort(error) ? { phase: "idle" } : { phase: "failed", failure: asFailure(error) });
    } finally {
      if (this.#partial !== "" && this.conversation.turns === turns) {
        this.conversation.add("assistant", this.#partial);
      }
      this.#partial = "";
      this.dispatchEvent(new Event("change"));
    }
  }

  /** A session that holds `turns`: the one of the last answer, or a new one that reads them first. */
  async #sessionFor(turns: Conversation["turns"], signal: AbortSignal): Promise<LanguageModel> {
    const base = await this.model.load();
    signal.throwIfAborted();
    if (this.#session) return this.#session;
    const session = await base.clone({ signal });
    this.#session = session;
    this.#overflowed = false;
    session.addEventListener("contextoverflow", () => {
      this.#overflowed = true;
      this.dispatchEvent(new Event("change"));
    });
    if (turns.length > 0) await session.append([...turns], { signal });
    return session;
  }

  async #listen(session: LanguageModel, question: string, signal: AbortSignal): Promise<void> {
    for await (const text of session.promptStreaming(question, { signal })) {
      this.#partial += text;
      if (this.#state.phase !== "answering") this.#become({ phase: "answering" });
      this.dispatchEvent(new Event("partial"));
    }
  }

  #forgetSession(): void {
    this.#session?.destroy();
    this.#session = null;
  }

  #become(state: TalkState): void {
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }
}
