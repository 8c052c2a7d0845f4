import { InglenookError } from "../errors.js";
import { PieceHash } from "./pieces.js";
import type { ExpectedFile, FileSink } from "./wanted.js";

/** Streams `body` into the sink: exactly the file's bytes with the right hash, where known, or a typed error. */
export async function pour(
  body: ReadableStream<Uint8Array>,
  file: ExpectedFile,
  sink: FileSink,
  onReceived: (received: number) => void,
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
      if (received > bytes) throw tooLong(file);
      if (hash) await hash.push(value);
      sink.push(value);
      onReceived(received);
    }
    if (file.bytes && received < file.bytes) throw incomplete(file, received);
    if (hash) await verify(file, hash);
    sink.close();
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

/** @throws {@link InglenookError} `hash-mismatch` unless the pieces are those of the file */
export async function verify({ path, piecesSha256 }: ExpectedFile, hash: PieceHash): Promise<void> {
  const found = await hash.hex();
  if (found === piecesSha256) return;
  const message = `${path} has pieces of SHA-256 ${found}, not ${piecesSha256}.`;
  throw new InglenookError("hash-mismatch", message, { detail: path });
}

export function incomplete({ path, bytes }: ExpectedFile, received: number, cause?: unknown): InglenookError {
  const message = `${path} ended after ${received}${bytes === undefined ? "" : ` of ${bytes}`} bytes.`;
  return new InglenookError("incomplete-download", message, { detail: path, cause });
}

export function tooLong({ path, bytes }: ExpectedFile): InglenookError {
  return new InglenookError("size-mismatch", `${path} is longer than its ${bytes} bytes.`, { detail: path });
}
