import type { ModelFile } from "../manifest.js";

const CACHE_NAME = "inglenook-v1";

// Keyed by content: the same file from another host, or of another model, is the same entry. A Cache wants
// an http address as its key; this one can exist nowhere.
const keyOf = ({ sha256 }: ModelFile) => `https://inglenook.invalid/${sha256}`;

// Firefox keeps what has arrived of an entry when the page is closed in the middle. So an entry counts only
// beside a second one, which is written last.
const sealOf = (file: ModelFile) => `${keyOf(file)}?complete`;

/** The browser's store for model files; `undefined` where there is none, and then one goes without. */
export async function openCache(): Promise<Cache | undefined> {
  // Absent in insecure contexts; rejects in some private modes and sandboxed frames.
  return globalThis.caches?.open(CACHE_NAME).catch(() => undefined);
}

/** The stored answer that holds `file`. It was verified when it was stored, and must be verified again. */
export async function findCached(cache: Cache | undefined, file: ModelFile): Promise<Response | undefined> {
  const sealed = await cache?.match(sealOf(file)).catch(() => undefined);
  return sealed && cache?.match(keyOf(file)).catch(() => undefined);
}

export async function deleteCached(cache: Cache | undefined, file: ModelFile): Promise<void> {
  for (const key of [sealOf(file), keyOf(file)]) await cache?.delete(key).catch(() => false);
}

/**
 * One file on its way into the cache, chunk by chunk as it arrives: kept only if `commit` is called.
 *
 * A store that fails (quota, private mode) stops quietly, and the download goes on without it.
 */
export class CacheWriter {
  readonly #cache: Cache;
  readonly #file: ModelFile;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stored: Promise<boolean>;
  #failed = false;

  constructor(cache: Cache, file: ModelFile) {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
    this.#cache = cache;
    this.#file = file;
    this.#writer = writable.getWriter();
    this.#stored = cache.put(keyOf(file), new Response(readable)).then(
      () => true,
      () => {
        this.#failed = true;
        return false;
      },
    );
  }

  /** Resolves when the store is ready for more, or has given up. */
  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#failed) await Promise.race([this.#writer.write(chunk), this.#stored]).catch(() => {});
  }

  async commit(): Promise<void> {
    this.#writer.close().catch(() => {});
    if (await this.#stored) await this.#cache.put(sealOf(this.#file), new Response()).catch(() => {});
  }

  abort(): void {
    this.#writer.abort().catch(() => {});
  }
}
