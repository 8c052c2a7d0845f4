import { entryOfUrl } from "./cache.js";
import { folderOf, readModel, readWanted } from "./download.js";
import { pour } from "./pour.js";
import type { ByteProgress, ChatSource } from "./protocol.js";
import { deleteStored } from "./stored.js";
import type { FileSink } from "./wanted.js";

type OnProgress = (progress: ByteProgress) => void;

/** Fills `sink` with the model's files, wherever they are. It finds out the hash of one of which nobody has said it. */
export async function readSource(source: ChatSource, sink: FileSink, onProgress: OnProgress): Promise<void> {
  if (source.kind === "manifest") {
    return readModel(source.manifest, addressOf(source) as string, sink, onProgress);
  }
  const hashing: FileSink = {
    open: (path, bytes, sha256 = "") => sink.open(path, bytes, sha256),
    push: (chunk) => sink.push(chunk),
    close: () => sink.close(),
  };
  if (source.kind === "url") await readUrl(source, hashing, onProgress);
  else await readFile(source, hashing, onProgress);
}

/** Where a source lies: the address of a folder or a file, or `null` for the user's disk. */
export function addressOf(source: ChatSource): string | null {
  if (source.kind === "manifest") return folderOf(source.modelHost, source.manifest);
  return source.kind === "url" ? source.url : null;
}

/** Forgets a stored file that was complete and yet is no model. */
export async function forgetSource(source: ChatSource): Promise<void> {
  if (source.kind === "url") await deleteStored(entryOfUrl(source.url));
}

/** A file of which nothing is known but its address and, if it is signed, its hash: its length is the host's word. */
async function readUrl(
  { url, name, sha256 }: Extract<ChatSource, { kind: "url" }>,
  sink: FileSink,
  onProgress: OnProgress,
): Promise<void> {
  const owner = { name: url, bytes: undefined };
  const wanted = { path: ggufName(name), url, sha256, entry: entryOfUrl(url), owner };
  await readWanted(wanted, sink, ({ received, fetched, total, perSecond, notStored }) => {
    const bytesTotal = total ?? Number.POSITIVE_INFINITY;
    onProgress({ bytesLoaded: received, bytesFetched: fetched, bytesTotal, perSecond, notStored });
  });
}

/** What is opened from disk is read where it is, and never stored. */
async function readFile(
  { file, name }: Extract<ChatSource, { kind: "file" }>,
  sink: FileSink,
  onProgress: OnProgress,
): Promise<void> {
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
