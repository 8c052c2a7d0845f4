import { openCache, seal } from "./cache.js";
import { fileNameOf, openFolder, RECORD, type StoredRecord } from "./opfs.js";
import type { Stored } from "./stored.js";
import { openSync, writeText } from "./sync-file.js";

/** The model that an entry is read for: its name, and the bytes of all its files. */
export interface Owner {
  name: string;
  bytes: number;
}

/** The record of an entry that is used now, for `owner`. */
export function usedBy(record: StoredRecord, owner: Owner): StoredRecord {
  return { ...record, usedAt: Date.now(), models: { ...record.models, [owner.name]: owner.bytes } };
}

/** Notes that an entry was used. A store that takes no note is none the worse. */
export async function touch(entry: string, { record, file }: Stored, owner: Owner): Promise<void> {
  try {
    const next = usedBy(record, owner);
    const folder = file && (await openFolder());
    const cache = file ? undefined : await openCache();
    const name = await fileNameOf(entry);
    // Rejects where the file was removed in the meantime: nothing may be noted of it then.
    await folder?.getFileHandle(name);
    if (folder) await writeRecord(folder, name, next);
    if (cache) await seal(cache, entry, next);
  } catch {}
}

/** Writes the record of the file `name`. */
export async function writeRecord(
  folder: FileSystemDirectoryHandle,
  name: string,
  record: StoredRecord,
): Promise<void> {
  const file = await openSync(folder, name + RECORD);
  try {
    writeText(file, JSON.stringify(record));
  } finally {
    file.close();
  }
}
