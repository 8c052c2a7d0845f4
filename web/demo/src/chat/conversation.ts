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

  add(role: Turn["role"], content: string): void {
    this.#become([...this.#turns, { role, content }]);
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
