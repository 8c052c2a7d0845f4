import { VectorIndex } from "inglenook";
import type { Doc } from "../files/library";
import type { Passage } from "../reading/split";

export interface Hit {
  readonly doc: Doc;
  /** Place of the passage in `doc.passages`. */
  readonly at: number;
  readonly passage: Passage;
  /** Cosine of the angle between query and passage, -1 to 1. */
  readonly score: number;
}

interface Slot {
  readonly doc: Doc;
  readonly at: number;
}

/** The vector index with the passage behind each of its vectors. Its operations run one after the other. */
export class PassageIndex {
  readonly #docs: () => readonly Doc[];
  #index: VectorIndex | null = null;
  #slots: Slot[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** `docs` gives the documents whose vectors the index is to hold. */
  constructor(docs: () => readonly Doc[]) {
    this.#docs = docs;
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Starts the index for vectors of this length; a no-op when it already runs. */
  open(dimensions: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#index !== null) return;
      this.#index = await VectorIndex.create({ dimensions });
      await this.#fill(this.#index);
    });
  }

  /** Adds the next vectors of their documents, to the index and to the documents. */
  add(entries: readonly (Slot & { readonly vector: Float32Array })[]): Promise<void> {
    return this.#inTurn(async () => {
      await this.#running().add(entries.map(({ vector }) => vector));
      for (const { doc, at, vector } of entries) {
        doc.vectors.push(vector);
        this.#slots.push({ doc, at });
      }
    });
  }

  /** Drops what no longer belongs to a document. */
  rebuild(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#index === null) return;
      await this.#index.clear();
      await this.#fill(this.#index);
    });
  }

  /** Gives up an index that failed; `open` makes the next one. */
  reset(): void {
    this.#index?.destroy();
    this.#index = null;
    this.#slots = [];
  }

  search(query: Float32Array, k: number): Promise<Hit[]> {
    return this.#inTurn(async () => {
      if (this.#slots.length === 0) return [];
      const found = await this.#running().search(query, { k });
      return found.flatMap(({ index, score }) => {
        const slot = this.#slots[index];
        const passage = slot?.doc.passages[slot.at];
        return slot === undefined || passage === undefined ? [] : [{ ...slot, passage, score }];
      });
    });
  }

  async #fill(index: VectorIndex): Promise<void> {
    this.#slots = [];
    for (const doc of this.#docs()) {
      if (doc.vectors.length === 0) continue;
      await index.add(doc.vectors);
      for (let at = 0; at < doc.vectors.length; at++) this.#slots.push({ doc, at });
    }
  }

  #running(): VectorIndex {
    if (this.#index === null) throw new Error("the index is not open");
    return this.#index;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
