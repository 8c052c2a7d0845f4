import { InglenookError } from "./errors.js";
import type { SearchHit } from "./worker/protocol.js";
import { requireSimd } from "./worker/simd.js";
import { startWorker, WorkerClient } from "./worker-client.js";

export type { SearchHit };

/** How a {@link VectorIndex} is made. */
export interface VectorIndexOptions {
  /** Numbers in every vector, ≥ 1; `embedder.dimensions` for its vectors. */
  dimensions: number;
  /** Ends the creation: `create` rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Exact nearest neighbours by dot product, which is cosine similarity for the unit vectors of an `Embedder`.
 *
 * The vectors live in a worker of their own. Indices are positions in the order of `add`, from 0.
 *
 * @example
 * ```ts
 * import { VectorIndex } from "inglenook";
 *
 * const index = await VectorIndex.create({ dimensions: 2 });
 * await index.add([new Float32Array([1, 0]), new Float32Array([0, 1])]);
 * const [best] = await index.search(new Float32Array([0.6, 0.8]), { k: 1 });
 * console.log(best.index, index.size); // 1 2
 * index.destroy();
 * ```
 */
export class VectorIndex {
  /** Numbers in every vector. */
  readonly dimensions: number;
  readonly #client: WorkerClient;
  #size = 0;

  private constructor(dimensions: number, client: WorkerClient) {
    this.dimensions = dimensions;
    this.#client = client;
  }

  /**
   * Starts a worker with an empty index.
   *
   * @param options - how many dimensions, and a signal to stop by
   * @throws {@link InglenookError} `invalid-input` for impossible dimensions, `worker` when none can be started
   */
  static async create({ dimensions, signal }: VectorIndexOptions): Promise<VectorIndex> {
    signal?.throwIfAborted();
    requirePositive("dimensions", dimensions);
    requireSimd();
    const client = new WorkerClient(startWorker());
    try {
      await client.call("index-open", { dimensions }, { signal });
    } catch (error) {
      client.die(error);
      throw error;
    }
    return new VectorIndex(dimensions, client);
  }

  /** Vectors held, as of the last change that has resolved. */
  get size(): number {
    return this.#size;
  }

  /**
   * Appends vectors, which are copied.
   *
   * @param vectors - each `[dimensions]` f32
   * @throws {@link InglenookError} `invalid-input` for other shapes, `destroyed`, `out-of-memory`
   */
  async add(vectors: readonly Float32Array[]): Promise<void> {
    const flat = new Float32Array(vectors.length * this.dimensions);
    vectors.forEach((vector, i) => {
      this.#requireShape(vector, `Vector ${i}`);
      flat.set(vector, i * this.dimensions);
    });
    this.#size = await this.#client.call("index-add", { vectors: flat }, { transfer: [flat.buffer] });
  }

  /**
   * The best matches, best first; fewer than `k` when the index holds fewer.
   *
   * @param query - `[dimensions]` f32
   * @param options - `k`, ≥ 1, how many; default 10
   * @throws {@link InglenookError} `invalid-input` for another shape or `k`, `destroyed`
   */
  async search(query: Float32Array, { k = 10 }: { k?: number } = {}): Promise<SearchHit[]> {
    requirePositive("k", k);
    this.#requireShape(query, "The query");
    return this.#client.call("index-search", { query, k });
  }

  /** Forgets every vector; the next one added has index 0. */
  async clear(): Promise<void> {
    await this.#client.call("index-clear", {});
    this.#size = 0;
  }

  /** Ends the worker and gives its memory back. Pending and later calls reject with `destroyed`. */
  destroy(): void {
    this.#client.die(new InglenookError("destroyed", "The vector index was destroyed."));
  }

  #requireShape(vector: Float32Array, name: string): void {
    if (vector instanceof Float32Array && vector.length === this.dimensions) return;
    throw new InglenookError("invalid-input", `${name} is not a Float32Array of ${this.dimensions} numbers.`);
  }
}

function requirePositive(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new InglenookError("invalid-input", `${name} must be a whole number above 0, not ${value}.`);
}
