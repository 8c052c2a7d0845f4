import { digestOf, toHex } from "./pieces.js";

const FOLDER = "inglenook-v1";

/** What is known of an entry of the store, beside its bytes. */
export interface StoredRecord {
  /** The length of the whole file. */
  bytes: number;
  /** Whether all of it is there, and was verified. */
  complete: boolean;
  /** The host's ETag or date for it, by which another version would be noticed. */
  validator?: string | undefined;
  /** When it was last read or written, in milliseconds since 1970. */
  usedAt?: number | undefined;
  /** The models that it belongs to, by name: the bytes of all their files, or 0 where it is none of their files. */
  models?: Record<string, number>;
}

/** Over the name of an entry's file: its record, and the hashes of its pieces. */
export const RECORD = ".json";
export const PIECES = ".pieces";

/** The folder of model files in the origin private file system; `undefined` where the browser gives none. */
export async function openFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create: true });
  } catch {
    return undefined;
  }
}

/** The name of the file that holds `entry`: a hash, whatever the entry is named by. */
export async function fileNameOf(entry: string): Promise<string> {
  if (/^[0-9a-f]{64}$/.test(entry)) return entry;
  return `url-${toHex(await digestOf(new TextEncoder().encode(entry)))}`;
}

/** The lock that whoever changes the file `name` holds. */
export const lockOf = (name: string) => `inglenook ${name}`;

/** The record of the file `name`; `undefined` unless there is a sound one. */
export async function readRecord(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<StoredRecord | undefined> {
  try {
    const file = await (await folder.getFileHandle(name + RECORD)).getFile();
    return parseRecord(await file.text());
  } catch {
    return undefined;
  }
}

/** A record as it was written; a number alone is the length, which is all that earlier versions kept. */
export function parseRecord(text: string): StoredRecord {
  const found: unknown = JSON.parse(text || "0");
  if (typeof found === "number") return { bytes: found, complete: true };
  return found as StoredRecord;
}

/** Deletes an entry's files; whether there was one. */
export async function deleteFiles(folder: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  let found = false;
  // The record first: without it the rest does not count.
  for (const suffix of [RECORD, PIECES, ""]) {
    try {
      await patiently(() => folder.removeEntry(name + suffix));
      found = true;
    } catch (error) {
      if ((error as Error)?.name !== "NotFoundError") throw error;
    }
  }
  return found;
}

const TRIES = 20;
const EVERY_MS = 100;

/** Does something with a file that a worker which has just ended may still hold: that is waited for. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      return await work();
    } catch (error) {
      if ((error as Error)?.name !== "NoModificationAllowedError" || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}
