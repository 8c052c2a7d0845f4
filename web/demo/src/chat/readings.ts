import type { LanguageModel } from "inglenook";
import type { Turn } from "./conversation";

/** A conversation of up to so many tokens is kept as it was before its last question, too: that costs its memory twice. */
const KEPT_TWICE = 2048;

/** A session of the model, and what it has taken in of the conversation. */
export interface Reading {
  readonly session: LanguageModel;
  turns: readonly Turn[];
  /** Whether the oldest messages no longer fit the model's window. */
  overflowed: boolean;
}

/**
 * The sessions in which the conversation was read, so that little of it is read again: that of the last answer, and
 * of a short conversation the one before its question, from which another answer or another question goes on.
 */
export class Readings {
  /** The last one is the newest. */
  #all: Reading[] = [];

  /** `changed` is called when a reading overflows. */
  constructor(readonly changed: () => void) {}

  get newest(): Reading | undefined {
    return this.#all.at(-1);
  }

  /** A reading of `turns`, or of as much of their beginning as there is one of. `base` has read nothing. */
  async begin(base: LanguageModel, turns: readonly Turn[], signal: AbortSignal): Promise<Reading> {
    const best = this.#all
      .filter((reading) => isBeginning(reading.turns, turns))
      .reduce<Reading | undefined>((a, b) => (a && a.turns.length > b.turns.length ? a : b), undefined);
    this.#keepOnly(best);
    if (best && best.session.contextUsage > KEPT_TWICE) return best;
    const all = this.#all;
    const session = await (best?.session ?? base).clone({ signal });
    if (all !== this.#all) {
      session.destroy();
      throw new DOMException("The conversation was given up.", "AbortError");
    }
    const reading = { session, turns: best?.turns ?? [], overflowed: best?.overflowed ?? false };
    session.addEventListener("contextoverflow", () => {
      reading.overflowed = true;
      this.changed();
    });
    all.push(reading);
    return reading;
  }

  /** Gives up a reading of which it is not sure what it has taken in. */
  drop(reading: Reading): void {
    if (!this.#all.includes(reading)) return;
    reading.session.destroy();
    this.#all = this.#all.filter((other) => other !== reading);
  }

  forget(): void {
    this.#keepOnly(undefined);
  }

  #keepOnly(kept: Reading | undefined): void {
    for (const reading of this.#all) if (reading !== kept) reading.session.destroy();
    this.#all = kept ? [kept] : [];
  }
}

function isBeginning(beginning: readonly Turn[], turns: readonly Turn[]): boolean {
  return beginning.every((turn, at) => turn === turns[at]);
}
