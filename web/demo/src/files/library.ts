import type { Format } from "../reading/read-text";
import type { Passage } from "../reading/split";

/** A file that was read and cut. Its text, passages and vectors live in this page's memory alone. */
export interface Doc {
  readonly id: number;
  readonly path: string;
  readonly bytes: number;
  readonly format: Format;
  readonly text: string;
  readonly passages: readonly Passage[];
  /** Vectors of the first passages, in order; as many as were embedded so far. */
  readonly vectors: Float32Array[];
}

export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** Keeps the search index within the memory of an ordinary phone: 50,000 vectors are 77 MB. */
export const MOST_PASSAGES = 50_000;

/** The files that were given to the page, in the order they came. Fires `change`. */
export class Library extends EventTarget {
  #docs = new Map<number, Doc>();
  #skipped: Skipped[] = [];
  #nextId = 1;

  get docs(): readonly Doc[] {
    return [...this.#docs.values()];
  }

  get skipped(): readonly Skipped[] {
    return this.#skipped;
  }

  get passageCount(): number {
    return this.docs.reduce((sum, doc) => sum + doc.passages.length, 0);
  }

  has(id: number): boolean {
    return this.#docs.has(id);
  }

  hasCopyOf(path: string, bytes: number): boolean {
    return this.docs.some((doc) => doc.path === path && doc.bytes === bytes);
  }

  add(doc: Omit<Doc, "id" | "vectors">): Doc {
    const added = { ...doc, id: this.#nextId++, vectors: [] };
    this.#docs.set(added.id, added);
    this.#changed();
    return added;
  }

  skip(path: string, reason: string): void {
    this.#skipped.push({ path, reason });
    this.#changed();
  }

  remove(id: number): void {
    if (this.#docs.delete(id)) this.#changed();
  }

  clear(): void {
    this.#docs.clear();
    this.#skipped = [];
    this.#changed();
  }

  #changed(): void {
    this.dispatchEvent(new Event("change"));
  }
}
