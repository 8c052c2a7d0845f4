import type { LanguageModel } from "inglenook";
import { asFailure, type Failure, isAbort, isFatal } from "../work/failure";
import type { Model } from "../work/model";
import { unlessAborted } from "../work/unless-aborted";
import { type Conversation, heard } from "./conversation";
import { type Reading, Readings } from "./readings";

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

/** An answer while it is written. */
interface Answer {
  readonly abort: AbortController;
  said: string;
}

/** Speaks the conversation to the model. Fires `change`, and `partial` whenever the answer grows. */
export class Talk extends EventTarget {
  readonly #readings = new Readings(() => this.#changed());
  #state: TalkState = { phase: "idle" };
  /** The answer that is being written, or nothing. One that was given up in the middle changes nothing any more. */
  #answer: Answer | null = null;
  #speed: number | null = null;

  constructor(
    readonly model: Model<LanguageModel>,
    readonly conversation: Conversation,
  ) {
    super();
    let known = model.current;
    model.addEventListener("change", () => {
      if (model.current === known) return;
      known = model.current;
      this.#speed = null;
      if (known === null) this.#readings.forget();
      // What went wrong with another model is over.
      else if (this.#state.phase === "failed") this.#become({ phase: "idle" });
    });
  }

  get state(): TalkState {
    return this.#state;
  }

  get busy(): boolean {
    return this.#state.phase === "reading" || this.#state.phase === "answering";
  }

  get partial(): string {
    return this.#answer?.said ?? "";
  }

  /** Whether the oldest messages have left the model's window. */
  get overflowed(): boolean {
    return this.#readings.newest?.overflowed ?? false;
  }

  /** Tokens per second of the last answer. */
  get speed(): number | null {
    return this.#speed;
  }

  get room(): Room | null {
    const session = this.#readings.newest?.session ?? this.model.current;
    return session && { used: session.contextUsage, window: session.contextWindow };
  }

  /** Says something to the model, and adds its answer to the conversation. */
  async send(text: string): Promise<void> {
    if (this.busy || text.trim() === "") return;
    this.conversation.add("user", text);
    await this.#reply();
  }

  /** Drops the last answer and asks for another one. */
  async regenerate(): Promise<void> {
    const asked = this.conversation.turns.findLastIndex(({ role }) => role === "user");
    if (this.busy || asked < 0) return;
    this.conversation.cut(asked + 1);
    await this.#reply();
  }

  /** Puts `text` in the place of message `at`; what came after it is dropped. */
  async edit(at: number, text: string): Promise<void> {
    if (this.busy || text.trim() === "") return;
    this.conversation.cut(at);
    await this.send(text);
  }

  /** Ends the answer where it is; what there is of it stays. */
  stop(): void {
    this.#answer?.abort.abort();
  }

  /** Drops the conversation. */
  clear(): void {
    this.stop();
    this.#readings.forget();
    this.#settle({ phase: "idle" }, () => this.conversation.cut(0));
  }

  /** Has the last message answered. */
  async #reply(): Promise<void> {
    const answer = { abort: new AbortController(), said: "" };
    this.#answer = answer;
    this.#become({ phase: "reading" });
    try {
      await this.#ask(answer);
    } catch (error) {
      if (this.#answer !== answer) return;
      this.#settle(
        isAbort(error) ? { phase: "idle" } : { phase: "failed", failure: asFailure(error) },
        () => {
          if (answer.said !== "") this.conversation.add("assistant", answer.said);
        },
      );
    }
  }

  async #ask(answer: Answer): Promise<void> {
    const { signal } = answer.abort;
    const turns = heard(this.conversation.turns);
    const base = await unlessAborted(this.model.load(), signal);
    const reading = await this.#readings.begin(base, turns.slice(0, -1), signal);
    try {
      await this.#listen(answer, reading.session, turns.slice(reading.turns.length));
    } catch (error) {
      this.#loseAfter(error, reading, base);
      throw error;
    }
    if (this.#answer !== answer) return;
    this.#measure(reading.session);
    this.#settle({ phase: "idle" }, () => {
      reading.turns = [...turns, this.conversation.add("assistant", answer.said)];
    });
  }

  async #listen(answer: Answer, session: LanguageModel, turns: Conversation["turns"]): Promise<void> {
    const { signal } = answer.abort;
    for await (const text of session.promptStreaming(turns, { signal })) {
      answer.said += text;
      if (this.#answer !== answer) continue;
      if (this.#state.phase !== "answering") this.#become({ phase: "answering" });
      this.dispatchEvent(new Event("partial"));
    }
  }

  /** An answer that was stopped left its session as it was before the question. Of a failure that is not sure. */
  #loseAfter(error: unknown, reading: Reading, base: LanguageModel): void {
    if (isAbort(error)) return;
    this.#readings.drop(reading);
    if (isFatal(asFailure(error)) && base === this.model.current) this.model.fail(error);
  }

  #measure({ metrics }: LanguageModel): void {
    const { generatedTokens = 0, decodeMs = 0 } = metrics ?? {};
    if (generatedTokens > 1 && decodeMs > 0) this.#speed = ((generatedTokens - 1) / decodeMs) * 1000;
  }

  /** Ends an answer: those who hear of the conversation's change find that nothing is being written any more. */
  #settle(state: TalkState, change: () => void): void {
    this.#state = state;
    this.#answer = null;
    change();
    this.#changed();
  }

  #become(state: TalkState): void {
    this.#state = state;
    this.#changed();
  }

  #changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}
