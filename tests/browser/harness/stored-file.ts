/** Scripts for a page that do to its stored model files what browsers, disks and people do. */

/** Changes bytes of a stored file, which is named by its SHA-256. */
export async function damage({ name, at }: { name: string; at: number[] }): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("inglenook-v1");
  const handle = await folder.getFileHandle(name);
  const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
  for (const i of at) bytes[i] = (bytes[i] as number) ^ 1;
  const writable = await handle.createWritable();
  await writable.write(bytes);
  await writable.close();
}

/** Deletes a stored file, and leaves what is noted of it. */
export async function evict(name: string): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("inglenook-v1");
  await folder.removeEntry(name);
}

/** Deletes everything that is stored. */
export async function evictAll(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  await root.removeEntry("inglenook-v1", { recursive: true }).catch(() => {});
}
