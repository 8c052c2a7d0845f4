import { type ModelManifest, totalBytes } from "../manifest.js";
import { loadDelivery } from "./load-delivery.js";
import type { ByteProgress } from "./protocol.js";
import { readStored } from "./read-stored.js";
import type { FileSink, OnFileProgress, Wanted } from "./wanted.js";

/**
 * Fills `sink` with every file of the model, from the store where that has them, else from its folder at the host.
 *
 * Each file is hashed while it arrives; one that is not what the manifest says is refused and not kept.
 */
export async function readModel(
  manifest: ModelManifest,
  folder: string,
  sink: FileSink,
  onProgress: (progress: ByteProgress) => void,
): Promise<void> {
  const bytesTotal = totalBytes(manifest);
  const owner = { name: manifest.id, bytes: bytesTotal };
  let before = 0;
  let fetchedBefore = 0;
  for (const file of manifest.files) {
    let bytesFetched = fetchedBefore;
    onProgress({ bytesLoaded: before, bytesFetched, bytesTotal });
    const url = folder + encodePath(file.path);
    const wanted = { ...file, url, entry: file.sha256, owner };
    await readWanted(wanted, sink, ({ received, fetched, perSecond, notStored }) => {
      bytesFetched = fetchedBefore + fetched;
      onProgress({ bytesLoaded: before + received, bytesFetched, bytesTotal, perSecond, notStored });
    });
    before += file.bytes;
    fetchedBefore = bytesFetched;
  }
}

/** Fills `sink` with one file, from the store or from its host. */
export async function readWanted(wanted: Wanted, sink: FileSink, onProgress: OnFileProgress): Promise<void> {
  if (await readStored(wanted, sink, onProgress)) return;
  // What fetches is loaded when something has to be fetched.
  const { deliver } = await loadDelivery();
  await deliver(wanted, sink, onProgress);
}

/** The address of a model's folder; it ends in a slash. */
export function folderOf(modelHost: string, { id }: ModelManifest): string {
  return `${modelHost}${encodePath(id)}/`;
}

function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
