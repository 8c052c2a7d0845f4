/** Pieces of a file, from one up to and without another. */
export interface Span {
  from: number;
  to: number;
}

/** Pieces of a span: 8 MiB, which take a fast line a second and cost a slow one little if they are lost. */
export const SPAN = 32;
const LANES = 4;

/** What is missing of the pieces from `from` up to `to`, in spans. */
export function spansOf(from: number, to: number, has: (piece: number) => boolean): Span[] {
  const spans: Span[] = [];
  for (let piece = from; piece < to; piece++) {
    const last = spans.at(-1);
    if (has(piece)) continue;
    if (last?.to === piece && piece - last.from < SPAN) last.to++;
    else spans.push({ from: piece, to: piece + 1 });
  }
  return spans;
}

/** Fetches spans, the first of them first, several at a time, until all are there or one fails. */
export class Lanes {
  readonly #stop = new AbortController();
  readonly #over: Promise<void>;
  #isOver = false;
  #failure: { error: unknown } | undefined;
  #wake = () => {};

  constructor(spans: Span[], fetchSpan: (span: Span, signal: AbortSignal) => Promise<void>) {
    const waiting = [...spans];
    const lane = async () => {
      for (let span = waiting.shift(); span && !this.#failure; span = waiting.shift()) {
        await fetchSpan(span, this.#stop.signal);
      }
    };
    const lanes = Array.from({ length: LANES }, () => lane().catch((error) => this.#fail(error)));
    this.#over = Promise.all(lanes).then(() => {
      this.#isOver = true;
      this.#wake();
    });
  }

  /** Says that a piece has come. */
  notify(): void {
    this.#wake();
  }

  /** Waits for the next piece; `false` when no more will come. Rejects when one could not be fetched. */
  async next(): Promise<boolean> {
    if (!this.#isOver && !this.#failure) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure) throw this.#failure.error;
    return !this.#isOver;
  }

  /** Stops what is still under way. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#over;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort();
    this.#wake();
  }
}
