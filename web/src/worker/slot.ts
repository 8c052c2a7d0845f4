import { CacheWriter, deleteCached, openCache } from "./cache.js";
import { fileNameOf, openFolder, PIECES, RECORD, readRecord, type StoredRecord } from "./opfs.js";
import { digestOf, PIECE } from "./pieces.js";
import { openSync, resize, type SyncFile, writeAll } from "./sync-file.js";
import { writeRecord } from "./touch.js";

/** A piece, and its SHA-256. */
export interface StoredPiece {
  bytes: Uint8Array;
  digest: Uint8Array;
}

/** The place of one file in the store while it is fetched. Everything but `has`, `read` and `close` may fail. */
export interface Slot {
  /** Whether pieces may be written in any order, and be read again; otherwise they come one after the other. */
  readonly keepsPieces: boolean;
  /** What is known of the pieces that are there; `undefined` when there are none. */
  readonly record: StoredRecord | undefined;
  has(piece: number): boolean;
  /** A piece as it was written; `undefined` when it is not there or was damaged. */
  read(piece: number): Promise<StoredPiece | undefined>;
  /** Starts a file of which nothing is there. */
  begin(record: StoredRecord): Promise<void>;
  write(piece: number, bytes: Uint8Array, digest: Uint8Array): Promise<void>;
  /** Makes the file count as complete. */
  commit(record: StoredRecord): Promise<void>;
  /** Deletes what is there of it. */
  discard(): Promise<void>;
  close(): void;
}

/** A place for `entry`; `undefined` where the browser stores nothing. */
export async function openSlot(entry: string): Promise<Slot | undefined> {
  const cache = await openCache();
  // What is looked for here was not there, or is broken.
  await deleteCached(cache, entry);
  try {
    return await FileSlot.open(entry);
  } catch {
    return cache && new CacheSlot(cache, entry);
  }
}

const DIGEST = 32;

/**
 * A file of the origin private file system. Beside it is one with the SHA-256 of every piece that is there, and zeros
 * for those that are not: so what a closed tab has left is found and checked piece by piece, in whatever order it came.
 */
class FileSlot implements Slot {
  readonly keepsPieces = true;
  record: StoredRecord | undefined;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #name: string;
  readonly #data: SyncFile;
  readonly #pieces: SyncFile;
  readonly #digests = new Map<number, Uint8Array>();

  private constructor(folder: FileSystemDirectoryHandle, name: string, data: SyncFile, pieces: SyncFile) {
    this.#folder = folder;
    this.#name = name;
    this.#data = data;
    this.#pieces = pieces;
  }

  static async open(entry: string): Promise<FileSlot> {
    const folder = await openFolder();
    if (!folder || !globalThis.crypto?.subtle) throw new Error("There is no file system.");
    const name = await fileNameOf(entry);
    const data = await openSync(folder, name);
    try {
      const slot = new FileSlot(folder, name, data, await openSync(folder, name + PIECES));
      slot.record = await readRecord(folder, name);
      if (slot.record) slot.#readDigests();
      return slot;
    } catch (error) {
      data.close();
      throw error;
    }
  }

  has(piece: number): boolean {
    return this.#digests.has(piece);
  }

  async read(piece: number): Promise<StoredPiece | undefined> {
    const digest = this.#digests.get(piece);
    if (!digest || !this.record) return undefined;
    const at = piece * PIECE;
    const bytes = new Uint8Array(Math.max(0, Math.min(PIECE, this.record.bytes - at)));
    const isWhole = this.#data.read(bytes, { at }) === bytes.length;
    if (isWhole && isEqual(await digestOf(bytes), digest)) return { bytes, digest };
    this.#digests.delete(piece);
    return undefined;
  }

  async begin(record: StoredRecord): Promise<void> {
    // All of the room at once: where there is too little, that is known before anything is fetched.
    resize(this.#data, record.bytes);
    await this.#note(record);
  }

  async write(piece: number, bytes: Uint8Array, digest: Uint8Array): Promise<void> {
    if (this.record?.complete) await this.#note({ ...this.record, complete: false });
    writeAll(this.#data, bytes, piece * PIECE);
    writeAll(this.#pieces, digest, piece * DIGEST);
    this.#digests.set(piece, digest);
  }

  async commit(record: StoredRecord): Promise<void> {
    resize(this.#data, record.bytes);
    this.#data.flush();
    this.#pieces.flush();
    await this.#note(record);
  }

  async discard(): Promise<void> {
    this.record = undefined;
    this.#digests.clear();
    await this.#folder.removeEntry(this.#name + RECORD).catch(() => {});
    this.#pieces.truncate(0);
    this.#data.truncate(0);
  }

  close(): void {
    this.#data.close();
    this.#pieces.close();
  }

  #readDigests(): void {
    const all = new Uint8Array(this.#pieces.getSize());
    this.#pieces.read(all, { at: 0 });
    for (let piece = 0; piece * DIGEST < all.length; piece++) {
      const digest = all.slice(piece * DIGEST, (piece + 1) * DIGEST);
      if (digest.some(Boolean)) this.#digests.set(piece, digest);
    }
  }

  async #note(record: StoredRecord): Promise<void> {
    await writeRecord(this.#folder, this.#name, record);
    this.record = record;
  }
}

/** An entry of the cache, which begins anew when the page is closed in the middle. */
class CacheSlot implements Slot {
  readonly keepsPieces = false;
  readonly record = undefined;
  readonly #cache: Cache;
  readonly #entry: string;
  #writer: CacheWriter | undefined;

  constructor(cache: Cache, entry: string) {
    this.#cache = cache;
    this.#entry = entry;
  }

  has(): boolean {
    return false;
  }

  async read(): Promise<undefined> {}

  async begin(): Promise<void> {
    this.#writer = new CacheWriter(this.#cache, this.#entry);
  }

  async write(_: number, bytes: Uint8Array): Promise<void> {
    await this.#writer?.write(bytes);
  }

  async commit(record: StoredRecord): Promise<void> {
    this.#writer ??= new CacheWriter(this.#cache, this.#entry);
    await this.#writer.commit(record);
    this.#writer = undefined;
  }

  async discard(): Promise<void> {
    this.close();
    await deleteCached(this.#cache, this.#entry);
  }

  close(): void {
    this.#writer?.abort();
    this.#writer = undefined;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
