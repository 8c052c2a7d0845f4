import type { Embedder } from "inglenook";
import { type Range, sentences } from "../reading/sentences";
import type { Passage } from "../reading/split";
import { asFailure, type Failure, isAbort } from "./failure";
import type { Indexer } from "./indexer";
import type { Model } from "./model";
import type { Hit, PassageIndex } from "./passage-index";
import { delay } from "./pause";
import type { Turns } from "./turns";

const RESULTS = 10;
/** Typing that pauses this long is searched. */
const DEBOUNCE_MS = 110;
/** A query that stands this long is worth looking into its results' sentences. */
const SETTLED_MS = 250;
const REMEMBERED_QUERIES = 64;
const MOST_SENTENCES = 24;

export type SearchState =
  | { readonly phase: "idle" | "waiting" | "searching" | "found" }
  | { readonly phase: "failed"; readonly failure: Failure };

interface Sentences {
  readonly ranges: readonly Range[];
  readonly vectors: readonly Float32Array[];
}

/** Search as you type. Fires `change`, and `focus` when the best sentence of some results became known. */
export class Search extends EventTarget {
  #query = "";
  #state: SearchState = { phase: "idle" };
  #hits: readonly Hit[] = [];
  #focus = new Map<Passage, Range>();
  #abort = new AbortController();
  #sentenceAbort = new AbortController();
  #vectors = new Map<string, Float32Array>();
  #sentences = new WeakMap<Passage, Sentences>();

  constructor(
    readonly model: Model<Embedder>,
    readonly index: PassageIndex,
    readonly indexer: Indexer,
    readonly turns: Turns,
  ) {
    super();
  }

  get query(): string {
    return this.#query;
  }

  get state(): SearchState {
    return this.#state;
  }

  /** The results shown: those of the query, or of the one before it while it is being searched. */
  get hits(): readonly Hit[] {
    return this.#hits;
  }

  focusOf(passage: Passage): Range | null {
    return this.#focus.get(passage) ?? null;
  }

  /** Searches after a short pause; a newer query aborts an older one wherever it is. */
  ask(query: string): void {
    const normalised = query.trim().replace(/\s+/g, " ");
    if (normalised === this.#query && this.#state.phase !== "failed") return;
    this.#query = normalised;
    void this.#search(DEBOUNCE_MS);
  }

  /** Searches the same query again: the index changed, or the model came back. */
  refresh(): void {
    const vector = this.#vectors.get(this.#query);
    if (this.#state.phase === "found" && vector !== undefined) void this.#searchAgain(vector);
    else if (this.#query !== "" && this.#state.phase !== "searching") void this.#search(0);
  }

  async #searchAgain(vector: Float32Array): Promise<void> {
    const { signal } = this.#abort;
    try {
      const hits = await this.index.search(vector, RESULTS);
      if (signal.aborted || sameHits(hits, this.#hits)) return;
      this.#show(hits, { phase: "found" });
      await this.#findSentences(hits, vector, signal);
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) this.#fail(error);
    }
  }

  async #search(wait: number): Promise<void> {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      if (this.#query === "") return this.#show([], { phase: "idle" });
      if (this.model.current === null || this.index.size === 0) return this.#show([], { phase: "waiting" });
      if (this.#state.phase !== "found") this.#become({ phase: "searching" });
      const vector = await this.#embedQuery(this.#query, wait, signal);
      const hits = await this.index.search(vector, RESULTS);
      signal.throwIfAborted();
      this.#show(hits, { phase: "found" });
      await this.#findSentences(hits, vector, signal);
    } catch (error) {
      if (!signal.aborted && !isAbort(error)) this.#fail(error);
    }
  }

  async #embedQuery(query: string, wait: number, signal: AbortSignal): Promise<Float32Array> {
    const known = this.#vectors.get(query);
    if (known !== undefined) return known;
    if (wait > 0) await delay(wait, signal);
    const embedder = await this.model.load();
    const [vector] = await this.turns.urgent(() => embedder.embed([query], { signal }));
    signal.throwIfAborted();
    this.#vectors.set(query, vector as Float32Array);
    for (const oldest of this.#vectors.keys()) {
      if (this.#vectors.size <= REMEMBERED_QUERIES) break;
      this.#vectors.delete(oldest);
    }
    return vector as Float32Array;
  }

  /** The top results first, so that their sentences light up early. */
  async #findSentences(hits: readonly Hit[], query: Float32Array, querySignal: AbortSignal): Promise<void> {
    this.#sentenceAbort.abort();
    this.#sentenceAbort = new AbortController();
    const signal = AbortSignal.any([querySignal, this.#sentenceAbort.signal]);
    await delay(SETTLED_MS, signal);
    const busy = this.indexer.state.phase === "running";
    for (const group of busy ? [hits.slice(0, 3)] : [hits.slice(0, 3), hits.slice(3)]) {
      await this.#embedSentences(group, signal);
      for (const { passage } of group) {
        const best = bestSentence(this.#sentences.get(passage), query);
        if (best !== null) this.#focus.set(passage, best);
      }
      this.dispatchEvent(new Event("focus"));
    }
  }

  async #embedSentences(hits: readonly Hit[], signal: AbortSignal): Promise<void> {
    const unknown = hits.filter(({ passage }) => !this.#sentences.has(passage));
    const cut = unknown.map(({ passage }) => ({
      passage,
      ranges: sentences(passage.text).slice(0, MOST_SENTENCES),
    }));
    const texts = cut.flatMap(({ passage, ranges }) =>
      ranges.map(({ start, end }) => passage.text.slice(start, end)),
    );
    if (texts.length === 0) return;
    const embedder = await this.model.load();
    const vectors = await this.turns.urgent(() => embedder.embed(texts, { signal }));
    signal.throwIfAborted();
    let from = 0;
    for (const { passage, ranges } of cut) {
      this.#sentences.set(passage, { ranges, vectors: vectors.slice(from, from + ranges.length) });
      from += ranges.length;
    }
  }

  #show(hits: readonly Hit[], state: SearchState): void {
    if (!sameHits(hits, this.#hits)) this.#focus = new Map();
    this.#hits = hits;
    this.#become(state);
  }

  #fail(error: unknown): void {
    this.#become({ phase: "failed", failure: asFailure(error) });
  }

  #become(state: SearchState): void {
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }
}

function sameHits(a: readonly Hit[], b: readonly Hit[]): boolean {
  return a.length === b.length && a.every((hit, i) => hit.passage === b[i]?.passage);
}

/** Null for a passage of one sentence: marking all of it says nothing. */
function bestSentence(known: Sentences | undefined, query: Float32Array): Range | null {
  if (known === undefined || known.ranges.length < 2) return null;
  const scores = known.vectors.map((vector) => dot(vector, query));
  return known.ranges[scores.indexOf(Math.max(...scores))] ?? null;
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
}
