import { type ChatEngine, ChatTask } from "./chat-task.js";
import { Pace } from "./pace.js";
import type { ChatFinish, ChatMessage, ChatProgress, Requests } from "./protocol.js";
import { Turns } from "./turns.js";
import type { ChatSession } from "./wasm.js";

/** A loaded language model and its sessions. All that concerns them is done in turns, one step at a time. */
export class ChatRoom {
  readonly #engine: ChatEngine;
  readonly #pace: Pace;
  readonly #turns = new Turns();
  readonly #sessions = new Map<number, ChatSession>();

  constructor(engine: ChatEngine) {
    this.#engine = engine;
    this.#pace = new Pace(engine.device.kind());
  }

  prompt(
    id: number,
    params: Requests["chat-prompt"]["params"],
    onProgress: (progress: ChatProgress) => void,
  ): Promise<ChatFinish> {
    const session = () => this.#session(params.session);
    return this.#turns.add(id, new ChatTask(this.#engine, this.#pace, params, session, onProgress));
  }

  /** Gives `to` what `session` has read. A session that has read nothing is not there yet, and needs no copy. */
  fork(id: number, { session, to }: Requests["chat-fork"]["params"]): Promise<undefined> {
    return this.#once(id, () => {
      const copy = this.#sessions.get(session)?.fork();
      if (copy) this.#sessions.set(to, copy);
      return undefined;
    });
  }

  close(id: number, session: number): Promise<undefined> {
    return this.#once(id, () => {
      this.#sessions.get(session)?.free();
      this.#sessions.delete(session);
      return undefined;
    });
  }

  count(id: number, messages: readonly ChatMessage[], generate: boolean): Promise<number> {
    return this.#once(id, () => this.#engine.model.count([...messages], generate));
  }

  /** Drops a request, once the step that is running is over. */
  cancel(id: number): void {
    this.#turns.cancel(id);
  }

  #session(number: number): ChatSession {
    const session = this.#sessions.get(number) ?? this.#engine.model.session();
    this.#sessions.set(number, session);
    return session;
  }

  /** Work of one step. */
  #once<T>(id: number, work: () => T): Promise<T> {
    let result: T;
    return this.#turns.add(id, {
      step: async () => {
        result = work();
        return true;
      },
      result: () => result,
      release: () => {},
    });
  }
}
