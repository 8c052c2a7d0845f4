import type { SearchHit } from "./protocol.js";
import { startCpuWasm, type VectorIndex } from "./wasm.js";

// How many numbers go into the instance at once: its memory never shrinks, so the copies are kept small.
const SLICE = 1 << 20;

/** The vectors of one index, in a CPU instance. */
export class VectorStore {
  readonly #index: VectorIndex;
  readonly #slice: number;

  private constructor(index: VectorIndex, dimensions: number) {
    this.#index = index;
    this.#slice = Math.max(1, Math.floor(SLICE / dimensions)) * dimensions;
  }

  static async open(dimensions: number): Promise<VectorStore> {
    const wasm = await startCpuWasm();
    return new VectorStore(new wasm.VectorIndex(dimensions), dimensions);
  }

  /** Appends `[n × dimensions]` f32, all or none, and gives the new size. */
  add(vectors: Float32Array): number {
    const before = this.#index.size();
    try {
      for (let at = 0; at < vectors.length; at += this.#slice) {
        this.#index.add(vectors.subarray(at, at + this.#slice));
      }
    } catch (error) {
      this.#index.truncate(before);
      throw error;
    }
    return this.#index.size();
  }

  search(query: Float32Array, k: number): SearchHit[] {
    return this.#index.search(query, k);
  }

  clear(): void {
    this.#index.truncate(0);
  }
}
