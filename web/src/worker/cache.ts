import { parseRecord, type StoredRecord } from "./opfs.js";

const CACHE_NAME = "inglenook-v1";
const KEYS = "https://inglenook.invalid/";
const SEAL = "?complete";

// An entry is named by its SHA-256: the same file from another host, or of another model, is the same entry. A
// Cache wants an http address as its key; this one can exist nowhere.
const keyOf = (entry: string) => KEYS + entry;

// Firefox keeps what has arrived of an entry when the page is closed in the middle. So an entry counts only
// beside a second one, which is written last and holds its record.
const sealOf = (entry: string) => keyOf(entry) + SEAL;

/** The entry of a file of which nothing but its address is known. */
export const entryOfUrl = (url: string) => `url/${encodeURIComponent(url)}`;

/** The browser's cache of model files; `undefined` where there is none. */
export async function openCache(): Promise<Cache | undefined> {
  // Absent in insecure contexts; rejects in some private modes and sandboxed frames.
  return globalThis.caches?.open(CACHE_NAME).catch(() => undefined);
}

/** The stored answer that holds `entry`. It was verified when it was stored, and must be verified again. */
export async function findCached(cache: Cache | undefined, entry: string): Promise<Response | undefined> {
  return cache?.match(keyOf(entry)).catch(() => undefined);
}

/** The record of a complete entry. */
export async function findSeal(cache: Cache | undefined, entry: string): Promise<StoredRecord | undefined> {
  try {
    const seal = await cache?.match(sealOf(entry));
    return seal && parseRecord(await seal.text());
  } catch {
    return undefined;
  }
}

/** Says that `entry` is complete, or what has changed of it since. */
export async function seal(cache: Cache, entry: string, record: StoredRecord): Promise<void> {
  await cache.put(sealOf(entry), new Response(JSON.stringify(record)));
}

/** The complete entries of the cache. */
export async function sealedEntries(cache: Cache): Promise<string[]> {
  const urls = (await cache.keys()).map(({ url }) => url);
  return urls.filter((url) => url.endsWith(SEAL)).map((url) => url.slice(KEYS.length, -SEAL.length));
}

/** Deletes an entry; whether there was one. */
export async function deleteCached(cache: Cache | undefined, entry: string): Promise<boolean> {
  const found = await Promise.all(
    [sealOf(entry), keyOf(entry)].map((key) => cache?.delete(key).catch(() => false)),
  );
  return found.includes(true);
}

/** One file on its way into the cache, chunk by chunk as it arrives: kept only if `commit` is called. */
export class CacheWriter {
  readonly #cache: Cache;
  readonly #entry: string;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stored: Promise<void>;

  constructor(cache: Cache, entry: string) {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
    this.#cache = cache;
    this.#entry = entry;
    this.#writer = writable.getWriter();
    this.#stored = cache.put(keyOf(entry), new Response(readable));
    this.#stored.catch(() => {});
  }

  /** Resolves when the store is ready for more; rejects when it has failed. Takes a copy. */
  async write(chunk: Uint8Array): Promise<void> {
    const written = this.#writer.write(chunk.slice());
    written.catch(() => {});
    // A store that has failed reads no more.
    await Promise.race([written, this.#stored]);
  }

  async commit(record: StoredRecord): Promise<void> {
    this.#writer.close().catch(() => {});
    await this.#stored;
    await seal(this.#cache, this.#entry, record);
  }

  abort(): void {
    this.#writer.abort().catch(() => {});
  }
}
