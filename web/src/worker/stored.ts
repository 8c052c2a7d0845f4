import { deleteCached, findCached, findSeal, openCache } from "./cache.js";
import { deleteFiles, fileNameOf, openFolder, readRecord, type StoredRecord } from "./opfs.js";

/** An entry of the store that is complete. */
export interface Stored {
  record: StoredRecord;
  /** The file itself, where it is one; what is in the Cache has to be streamed. */
  file: FileSystemFileHandle | undefined;
  stream(): Promise<ReadableStream<Uint8Array> | null | undefined>;
}

/**
 * Looks for `entry` in the origin private file system, then in the cache, which is where earlier versions kept
 * everything and where browsers without that file system keep it now. What is found must be verified again.
 */
export async function findStored(entry: string): Promise<Stored | undefined> {
  return (await findFile(entry)) ?? (await findInCache(entry));
}

async function findFile(entry: string): Promise<Stored | undefined> {
  try {
    const folder = await openFolder();
    const name = await fileNameOf(entry);
    const record = folder && (await readRecord(folder, name));
    if (!record?.complete) return undefined;
    const handle = await folder?.getFileHandle(name);
    const file = await handle?.getFile();
    if (file?.size !== record.bytes) return undefined;
    return { record, file: handle, stream: async () => file.stream() };
  } catch {
    // Not there, or taken away in the meantime.
    return undefined;
  }
}

async function findInCache(entry: string): Promise<Stored | undefined> {
  const cache = await openCache();
  const record = await findSeal(cache, entry);
  const response = record && (await findCached(cache, entry));
  return response && { record, file: undefined, stream: async () => response.body };
}

/** Deletes `entry` from wherever it is, complete or not; whether there was anything. */
export async function deleteStored(entry: string): Promise<boolean> {
  const folder = await openFolder();
  const hadFile = folder !== undefined && (await deleteFiles(folder, await fileNameOf(entry)));
  const hadCached = await deleteCached(await openCache(), entry);
  return hadFile || hadCached;
}
