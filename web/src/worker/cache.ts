const CACHE_NAME = "inglenook-v1";

// An entry is named by its SHA-256: the same file from another host, or of another model, is the same entry. A
// Cache wants an http address as its key; this one can exist nowhere.
const keyOf = (entry: string) => `https://inglenook.invalid/${entry}`;

// Firefox keeps what has arrived of an entry when the page is closed in the middle. So an entry counts only
// beside a second one, which is written last.
const sealOf = (entry: string) => `${keyOf(entry)}?complete`;

/** The entry of a file of which nothing but its address is known. */
export const entryOfUrl = (url: string) => `url/${encodeURIComponent(url)}`;

/** The browser's store for model files; `undefined` where there is none, and then one goes without. */
export async function openCache(): Promise<Cache | undefined> {
  // Absent in insecure contexts; rejects in some private modes and sandboxed frames.
  return globalThis.caches?.open(CACHE_NAME).catch(() => undefined);
}

/** The stored answer that holds `entry`. It was verified when it was stored, and must be verified again. */
export async function findCached(cache: Cache | undefined, entry: string): Promise<Response | undefined> {
  return (await findSeal(cache, entry)) && cache?.match(keyOf(entry)).catch(() => undefined);
}

/** What was written when `entry` was complete: what `commit` was given. */
export async function findSeal(cache: Cache | undefined, entry: string): Promise<Response | undefined> {
  return cache?.match(sealOf(entry)).catch(() => undefined);
}

export async function deleteCached(cache: Cache | undefined, entry: string): Promise<void> {
  for (const key of [sealOf(entry), keyOf(entry)]) await cache?.delete(key).catch(() => false);
}

/**
 * One file on its way into the cache, chunk by chunk as it arrives: kept only if `commit` is called.
 *
 * A store that fails (quota, private mode) stops quietly, and the download goes on without it.
 */
export class CacheWriter {
  readonly #cache: Cache;
  readonly #entry: string;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stored: Promise<boolean>;
  #failed = false;

  constructor(cache: Cache, entry: string) {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
    this.#cache = cache;
    this.#entry = entry;
    this.#writer = writable.getWriter();
    this.#stored = cache.put(keyOf(entry), new Response(readable)).then(
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

  /** `note` is kept with the entry, for `findSeal`. */
  async commit(note = ""): Promise<void> {
    this.#writer.close().catch(() => {});
    if (await this.#stored) await this.#cache.put(sealOf(this.#entry), new Response(note)).catch(() => {});
  }

  abort(): void {
    this.#writer.abort().catch(() => {});
  }
}
