/** One message of a conversation. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** The conversation on the page: whoever changes it says so by `change`. */
export class Conversation extends EventTarget {
  #turns: readonly Turn[];

  constructor(turns: readonly Turn[] = []) {
    super();
    this.#turns = turns;
  }

  get turns(): readonly Turn[] {
    return this.#turns;
  }

  add(role: Turn["role"], content: string): Turn {
    const turn = { role, content };
    this.#become([...this.#turns, turn]);
    return turn;
  }

  /** Keeps the first `count` messages. */
  cut(count: number): void {
    if (count < this.#turns.length) this.#become(this.#turns.slice(0, count));
  }

  #become(turns: readonly Turn[]): void {
    this.#turns = turns;
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * What the model hears of a conversation: questions and answers in turn. A question that got no answer, because it was
 * stopped or failed, is left out as soon as another one follows.
 */
export function heard(turns: readonly Turn[]): Turn[] {
  return turns.filter(({ role }, at) => role === "assistant" || turns[at + 1]?.role !== "user");
}

/** A saved conversation as it was written by `JSON.stringify`, or nothing if it is no such thing. */
export function parseTurns(text: string | null): Turn[] {
  if (text === null) return [];
  try {
    const turns: unknown = JSON.parse(text);
    return Array.isArray(turns) && turns.every(isTurn)
      ? turns.map(({ role, content }) => ({ role, content }))
      : [];
  } catch {
    return [];
  }
}

function isTurn(value: unknown): value is Turn {
  const { role, content } = Object(value) as Record<string, unknown>;
  return (role === "user" || role === "assistant") && typeof content === "string";
}
