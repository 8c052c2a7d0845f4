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

const TRIES = 20;
const EVERY_MS = 100;

/** Opens a file for this worker alone. A worker that has just ended may still hold it: that is waited for. */
export async function openSync(folder: FileSystemDirectoryHandle, name: string): Promise<SyncFile> {
  const handle = (await folder.getFileHandle(name, { create: true })) as unknown as SyncFileHandle;
  for (let left = TRIES; ; left--) {
    try {
      return await handle.createSyncAccessHandle();
    } catch (error) {
      if ((error as Error)?.name !== "NoModificationAllowedError" || left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
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
  file.write(padded, { at: 0 });
}
