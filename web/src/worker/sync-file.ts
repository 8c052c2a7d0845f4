import { patiently } from "./opfs.js";

/** What a worker gets for a file of the origin private file system: reads and writes that do not wait. */
export interface SyncFile {
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface SyncFileHandle {
  createSyncAccessHandle(options?: { mode: "read-only" }): Promise<SyncFile>;
}

/** Opens a file for this worker alone. */
export async function openSync(folder: FileSystemDirectoryHandle, name: string): Promise<SyncFile> {
  const handle = (await folder.getFileHandle(name, { create: true })) as unknown as SyncFileHandle;
  return patiently(() => handle.createSyncAccessHandle());
}

/** Opens a file that is only read, beside others that only read it; rejects where the browser cannot. */
export function openSyncToRead(handle: FileSystemFileHandle): Promise<SyncFile> {
  return (handle as unknown as SyncFileHandle).createSyncAccessHandle({ mode: "read-only" });
}

/** Writes a text in one step, so that a worker that is ended leaves the old one or this one. */
export function writeText(file: SyncFile, text: string): void {
  // Blanks over what the old one had more: cutting it off would be a second step.
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array(Math.max(bytes.length, file.getSize())).fill(32);
  padded.set(bytes);
  writeAll(file, padded, 0);
}

// In a private window of Chromium neither of the two throws where there is no room: a write tells a nonsensical length.

/** Writes all of `bytes`. */
export function writeAll(file: SyncFile, bytes: Uint8Array, at: number): void {
  if (file.write(bytes, { at }) !== bytes.length) throw noRoom();
}

/** Gives a file its length. */
export function resize(file: SyncFile, bytes: number): void {
  file.truncate(bytes);
  if (file.getSize() !== bytes) throw noRoom();
}

const noRoom = () => new DOMException("There is no room for the file.", "QuotaExceededError");
