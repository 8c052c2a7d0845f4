import type { ErrorCode } from "../error-code.js";
import { InglenookError } from "../errors.js";
import { type ModelFile, type ModelManifest, totalBytes } from "../manifest.js";
import { CacheWriter, deleteCached, findCached, openCache } from "./cache.js";
import { PieceHash } from "./pieces.js";
import type { ByteProgress } from "./protocol.js";

/** Where the bytes go: in order, file by file. `close` throws unless length and hash are those it was told. */
export interface FileSink {
  open(path: string, bytes: number | undefined, sha256: string | undefined): void;
  push(chunk: Uint8Array): void;
  close(): void;
}

/**
 * Fills `sink` with every file of the model, from the cache where it has them, else from the host.
 *
 * Each file is hashed while it arrives; one that is not what the manifest says is refused and never cached.
 */
export async function readModel(
  { manifest, modelHost }: { manifest: ModelManifest; modelHost: string },
  sink: FileSink,
  onProgress: (progress: ByteProgress) => void,
): Promise<void> {
  const cache = await openCache();
  const bytesTotal = totalBytes(manifest);
  let before = 0;
  let bytesFetched = 0;
  for (const file of manifest.files) {
    const report = (received: number) =>
      onProgress({ bytesLoaded: before + received, bytesFetched, bytesTotal });
    report(0);
    if (!(await readCached(cache, file, sink, report))) {
      await readFetched(cache, file, addressOf(manifest, modelHost, file), sink, (received, chunk) => {
        bytesFetched += chunk.length;
        report(received);
      });
    }
    before += file.bytes;
  }
}

/** A file, as far as it is known. */
export type ExpectedFile = Pick<ModelFile, "path"> & Partial<ModelFile>;

/** Called with the number of bytes received so far and the newest of them; awaited before more are read. */
type OnChunk = (received: number, chunk: Uint8Array) => unknown;

function addressOf({ id }: ModelManifest, modelHost: string, { path }: ModelFile): string {
  return modelHost + `${id}/${path}`.split("/").map(encodeURIComponent).join("/");
}

/** Reads a file from the cache; `false` when it is not there or was corrupt, and is now gone. */
async function readCached(
  cache: Cache | undefined,
  file: ModelFile,
  sink: FileSink,
  onChunk: OnChunk,
): Promise<boolean> {
  const body = (await findCached(cache, file.sha256))?.body;
  if (!body) return false;
  try {
    await pour(body, file, sink, onChunk);
    return true;
  } catch (error) {
    if (!CORRUPT.has((error as InglenookError)?.code)) throw error;
    await deleteCached(cache, file.sha256);
    return false;
  }
}

const CORRUPT: ReadonlySet<ErrorCode> = new Set(["incomplete-download", "size-mismatch", "hash-mismatch"]);

/** Reads a file from its host, and stores it in the cache in the same pass. */
async function readFetched(
  cache: Cache | undefined,
  file: ModelFile,
  url: string,
  sink: FileSink,
  onChunk: OnChunk,
): Promise<void> {
  const response = await request(url, cache !== undefined);
  await pourAndStore(response, cache, file.sha256, file, sink, onChunk);
}

/** Streams an answer into the sink and, as `entry`, into the cache. */
export async function pourAndStore(
  response: Response,
  cache: Cache | undefined,
  entry: string,
  file: ExpectedFile,
  sink: FileSink,
  onChunk: OnChunk,
): Promise<void> {
  const store = cache && new CacheWriter(cache, entry);
  let bytes = 0;
  try {
    await pour(response.body ?? new Blob().stream(), file, sink, (received, chunk) => {
      bytes = received;
      onChunk(received, chunk);
      return store?.write(chunk);
    });
  } catch (error) {
    store?.abort();
    throw error;
  }
  await store?.commit(`${bytes}`);
}

/** Asks for a file; the answer must be a success, and no web page. */
export async function request(url: string, cached: boolean): Promise<Response> {
  const response = await fetch(url, {
    // Kept once, in our own cache.
    cache: cached ? "no-store" : "default",
    referrerPolicy: "no-referrer",
  }).catch((cause) => {
    throw new InglenookError("network", "The model host could not be reached.", { detail: url, cause });
  });
  if (!response.ok) {
    throw new InglenookError("http-status", `The model host answered ${response.status}.`, { detail: url });
  }
  if (response.headers.get("content-type")?.startsWith("text/html")) {
    throw new InglenookError("not-weights", "The model host answered with a web page.", { detail: url });
  }
  return response;
}

/** Streams `body` into the sink: exactly the file's bytes with the right hash, where known, or a typed error. */
export async function pour(
  body: ReadableStream<Uint8Array>,
  file: ExpectedFile,
  sink: FileSink,
  onChunk: OnChunk,
): Promise<void> {
  const reader = body.getReader();
  const { bytes = Number.POSITIVE_INFINITY } = file;
  let received = 0;
  try {
    const hash = file.piecesSha256 && PieceHash.start();
    sink.open(file.path, file.bytes, hash ? undefined : file.sha256);
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw incomplete(file, received, cause);
      });
      if (done) break;
      received += value.length;
      if (received > bytes) {
        throw new InglenookError("size-mismatch", `${file.path} is longer than its ${bytes} bytes.`, {
          detail: file.path,
        });
      }
      if (hash) await hash.push(value);
      sink.push(value);
      await onChunk(received, value);
    }
    if (file.bytes && received < file.bytes) throw incomplete(file, received);
    if (hash) await verify(file, hash);
    sink.close();
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

async function verify({ path, piecesSha256 }: ExpectedFile, hash: PieceHash): Promise<void> {
  const found = await hash.hex();
  if (found === piecesSha256) return;
  const message = `${path} has pieces of SHA-256 ${found}, not ${piecesSha256}.`;
  throw new InglenookError("hash-mismatch", message, { detail: path });
}

function incomplete({ path, bytes }: ExpectedFile, received: number, cause?: unknown): InglenookError {
  const message = `${path} ended after ${received}${bytes === undefined ? "" : ` of ${bytes}`} bytes.`;
  return new InglenookError("incomplete-download", message, { detail: path, cause });
}
