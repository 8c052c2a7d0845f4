import type { InglenookError } from "../errors.js";
import { deleteCached, entryOfUrl, findCached, findSeal, openCache } from "./cache.js";
import { type FileSink, pour, pourAndStore, readModel, request } from "./download.js";
import type { ByteProgress, ChatSource } from "./protocol.js";

type OnProgress = (progress: ByteProgress) => void;

/** Fills `sink` with the model's files, wherever they are. */
export async function readSource(source: ChatSource, sink: FileSink, onProgress: OnProgress): Promise<void> {
  if (source.kind === "manifest") await readModel(source, sink, onProgress);
  else if (source.kind === "url") await readUrl(source.url, sink, onProgress);
  else await readFile(source.file, source.name, sink, onProgress);
}

/** Forgets a file in the cache that was complete and yet is no model. */
export async function forgetSource(source: ChatSource): Promise<void> {
  if (source.kind === "url") await deleteCached(await openCache(), entryOfUrl(source.url));
}

/** A file of which nothing is known but its address: its length is the host's word, its hash nobody's. */
async function readUrl(url: string, sink: FileSink, onProgress: OnProgress): Promise<void> {
  const cache = await openCache();
  const path = ggufName(new URL(url).pathname);
  const entry = entryOfUrl(url);
  const stored = await findCached(cache, entry);
  if (stored?.body) {
    const bytes = Number(await (await findSeal(cache, entry))?.text());
    const report = (received: number) =>
      onProgress({ bytesLoaded: received, bytesFetched: 0, bytesTotal: bytes });
    report(0);
    try {
      return await pour(stored.body, { path, bytes }, sink, report);
    } catch (error) {
      if ((error as InglenookError)?.code !== "incomplete-download") throw error;
      await deleteCached(cache, entry);
    }
  }
  const response = await request(url, cache !== undefined);
  const bytes = announcedBytes(response);
  let last = 0;
  const report = (received: number, bytesTotal = bytes ?? Number.POSITIVE_INFINITY) => {
    last = received;
    onProgress({ bytesLoaded: received, bytesFetched: received, bytesTotal });
  };
  report(0);
  await pourAndStore(response, cache, entry, { path, bytes }, sink, (received) => report(received));
  report(last, last);
}

/** What is opened from disk is read where it is, and never stored. */
async function readFile(file: Blob, name: string, sink: FileSink, onProgress: OnProgress): Promise<void> {
  const report = (bytesLoaded: number) => onProgress({ bytesLoaded, bytesFetched: 0, bytesTotal: file.size });
  report(0);
  // A file that was changed or removed since it was chosen fails to be read, or ends early.
  await pour(file.stream(), { path: ggufName(name), bytes: file.size }, sink, report);
}

/** The length of what will arrive, unless it is compressed on the way. */
function announcedBytes({ headers }: Response): number | undefined {
  const bytes = Number(
    headers.get("content-encoding") ? Number.NaN : (headers.get("content-length") ?? Number.NaN),
  );
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** The last part of a path, as the name of a GGUF file, which is all that is read without a manifest. */
function ggufName(path: string): string {
  const name = path.split(/[/\\]/).at(-1) || "model";
  return name.endsWith(".gguf") ? name : `${name}.gguf`;
}
