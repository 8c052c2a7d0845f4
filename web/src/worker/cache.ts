import type { ModelFile } from "../manifest.js";

const CACHE_NAME = "inglenook-v1";

// Keyed by content: the same file from another host, or of another model, is the same entry. A Cache wants
// an http address as its key; this one can exist nowhere.
const keyOf = ({ sha256 }: ModelFile) => `https://inglenook.invalid/${sha256}`;

/** The browser's store for model files; `undefined` where there is none, and then one goes without. */
export async function openCache(): Promise<Cache | undefined> {
  // Absent in insecure contexts; rejects in some private modes and sandboxed frames.
  return globalThis.caches?.open(CACHE_NAME).catch(() => undefined);
}

/** The stored answer that holds `file`. Its bytes are not verified yet. */
export async function findCached(cache: Cache | undefined, file: ModelFile): Promise<Response | undefined> {
  return cache?.match(keyOf(file)).catch(() => undefined);
}

export async function deleteCached(cache: Cache | undefined, file: ModelFile): Promise<void> {
  await cache?.delete(keyOf(file)).catch(() => false);
}

/**
 * One file on its way into the cache, chunk by chunk as it arrives: kept only if `commit` is called.
 *
 * A store that fails (quota, private mode) stops quietly, and the download goes on without it.
 */
export class CacheWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stored: Promise<void>;
  #storing: boolean;

  constructor(cache: Cache | undefined, file: ModelFile) {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
    this.#writer = writable.getWriter();
    this.#storing = cache !== undefined;
    const put = Promise.resolve(cache?.put(keyOf(file), new Response(readable)));
    this.#stored = put
      .catch(() => {})
      .then(() => {
        this.#storing = false;
      });
  }

  /** Resolves when the store is ready for more, or has given up. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#storing) await Promise.race([this.#writer.write(chunk), this.#stored]).catch(() => {});
  }

  async commit(): Promise<void> {
    this.#writer.close().catch(() => {});
    await this.#stored;
  }

  abort(): void {
    this.#writer.abort().catch(() => {});
  }
}
