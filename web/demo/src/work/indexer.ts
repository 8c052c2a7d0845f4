import type { Embedder } from "inglenook";
import type { Doc, Library } from "../files/library";
import { embeddedText, type Passage } from "../reading/split";
import { asFailure, type Failure, isAbort } from "./failure";
import type { Model } from "./model";
import type { PassageIndex } from "./passage-index";
import { Rate } from "./rate";
import type { Turns } from "./turns";

/** Long enough to be worth the trip to the worker, short enough for a query to slip in between. */
const BATCH_MS = 350;
const LARGEST_BATCH = 128;
const FIRST_BATCH = 4;

export type IndexerState =
  | { readonly phase: "idle" | "running" | "stopped" }
  | { readonly phase: "failed"; readonly failure: Failure };

interface Item {
  readonly doc: Doc;
  readonly at: number;
}

function textOf({ doc, at }: Item): string {
  return embeddedText(doc.passages[at] as Passage);
}

/** Embeds the library's passages in the order they came. Fires `change` after every step. */
export class Indexer extends EventTarget {
  readonly rate = new Rate();
  #state: IndexerState = { phase: "idle" };
  #abort = new AbortController();
  #queue: Doc[] = [];
  #done = 0;
  #batch = FIRST_BATCH;

  constructor(
    readonly library: Library,
    readonly model: Model<Embedder>,
    readonly index: PassageIndex,
    readonly turns: Turns,
  ) {
    super();
  }

  get state(): IndexerState {
    return this.#state;
  }

  /** Passages embedded and asked for since the queue was last empty. */
  get progress(): { done: number; total: number } {
    const left = this.#queue.reduce((sum, doc) => sum + doc.passages.length - doc.vectors.length, 0);
    return { done: this.#done, total: this.#done + left };
  }

  add(doc: Doc): void {
    this.#queue.push(doc);
    if (this.#state.phase === "idle") {
      this.#done = 0;
      void this.#run();
    } else this.#changed();
  }

  /** Takes a document that the library no longer holds out of the queue and out of the index. */
  async forget(doc: Doc): Promise<void> {
    this.#queue = this.#queue.filter((queued) => queued !== doc);
    if (this.#queue.length === 0 && this.#state.phase !== "running") this.#become({ phase: "idle" });
    else this.#changed();
    await this.index.rebuild();
    this.#changed();
  }

  stop(): void {
    if (this.#state.phase !== "running") return;
    this.#become({ phase: "stopped" });
    this.#abort.abort();
  }

  resume(): void {
    if (this.#state.phase === "stopped" || this.#state.phase === "failed") void this.#run();
  }

  /** Stops, and drops everything that the library no longer holds. */
  async clear(): Promise<void> {
    this.stop();
    this.#queue = [];
    this.#done = 0;
    this.#become({ phase: "idle" });
    await this.index.rebuild();
    this.#changed();
  }

  async #run(): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#become({ phase: "running" });
    try {
      await this.model.load();
      this.rate.restart(performance.now(), this.#done);
      for (let items = this.#next(); items.length > 0; items = this.#next()) await this.#step(items, signal);
      if (!signal.aborted) this.#become({ phase: "idle" });
    } catch (error) {
      if (signal.aborted) return;
      if (isAbort(error)) this.#become({ phase: "stopped" });
      else this.#become({ phase: "failed", failure: asFailure(error) });
    }
  }

  async #step(items: readonly Item[], signal: AbortSignal): Promise<void> {
    await this.turns.whenQuiet();
    const embedder = await this.model.load();
    signal.throwIfAborted();
    const started = performance.now();
    let vectors: readonly Float32Array[];
    try {
      vectors = await embedder.embed(items.map(textOf), { signal });
    } catch (error) {
      if (signal.aborted) throw error;
      // The model was replaced while it worked: its successor does this batch again.
      if (embedder !== this.model.current) return;
      this.model.fail(error);
      throw error;
    }
    this.#resize(items.length, performance.now() - started);
    await this.#store(items, vectors);
  }

  async #store(items: readonly Item[], vectors: readonly Float32Array[]): Promise<void> {
    const entries = items.map((item, i) => ({ ...item, vector: vectors[i] as Float32Array }));
    const kept = entries.filter(({ doc }) => this.library.has(doc.id));
    try {
      await this.index.add(kept);
    } catch (error) {
      this.index.reset();
      this.model.fail(error);
      throw error;
    }
    this.#queue = this.#queue.filter((doc) => doc.vectors.length < doc.passages.length);
    this.#done += kept.length;
    this.rate.record(performance.now(), this.#done);
    this.#changed();
  }

  #next(): Item[] {
    const items: Item[] = [];
    for (const doc of this.#queue) {
      for (let at = doc.vectors.length; at < doc.passages.length; at++) {
        if (items.length >= this.#batch) return items;
        items.push({ doc, at });
      }
    }
    return items;
  }

  #resize(count: number, elapsed: number): void {
    const size = Math.max(1, Math.floor((count * BATCH_MS) / Math.max(1, elapsed)));
    this.#batch = Math.min(LARGEST_BATCH, size, this.#batch * 2);
  }

  #become(state: IndexerState): void {
    this.#state = state;
    this.#changed();
  }

  #changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}
