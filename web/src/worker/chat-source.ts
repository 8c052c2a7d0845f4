import { entryOfUrl } from "./cache.js";
import { readModel, readWanted } from "./download.js";
import { pour } from "./pour.js";
import type { ByteProgress, ChatSource } from "./protocol.js";
import { deleteStored } from "./stored.js";
import type { FileSink } from "./wanted.js";

type OnProgress = (progress: ByteProgress) => void;

/** Fills `sink` with the model's files, wherever they are. */
export async function readSource(source: ChatSource, sink: FileSink, onProgress: OnProgress): Promise<void> {
  if (source.kind === "manifest") await readModel(source, sink, onProgress);
  else if (source.kind === "url") await readUrl(source.url, sink, onProgress);
  else await readFile(source.file, source.name, sink, onProgress);
}

/** Forgets a stored file that was complete and yet is no model. */
export async function forgetSource(source: ChatSource): Promise<void> {
  if (source.kind === "url") await deleteStored(entryOfUrl(source.url));
}

/** A file of which nothing is known but its address: its length is the host's word, its hash nobody's. */
async function readUrl(url: string, sink: FileSink, onProgress: OnProgress): Promise<void> {
  const path = ggufName(new URL(url).pathname);
  const wanted = { path, url, entry: entryOfUrl(url), owner: { name: url, bytes: undefined } };
  await readWanted(wanted, sink, ({ received, fetched, total, perSecond, notStored }) => {
    const bytesTotal = total ?? Number.POSITIVE_INFINITY;
    onProgress({ bytesLoaded: received, bytesFetched: fetched, bytesTotal, perSecond, notStored });
  });
}

/** What is opened from disk is read where it is, and never stored. */
async function readFile(file: Blob, name: string, sink: FileSink, onProgress: OnProgress): Promise<void> {
  const report = (bytesLoaded: number) => onProgress({ bytesLoaded, bytesFetched: 0, bytesTotal: file.size });
  report(0);
  // A file that was changed or removed since it was chosen fails to be read, or ends early.
  await pour(file.stream(), { path: ggufName(name), bytes: file.size }, sink, report);
}

/** The last part of a path, as the name of a GGUF file, which is all that is read without a manifest. */
function ggufName(path: string): string {
  const name = path.split(/[/\\]/).at(-1) || "model";
  return name.endsWith(".gguf") ? name : `${name}.gguf`;
}
