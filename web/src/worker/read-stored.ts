import type { ErrorCode } from "../error-code.js";
import type { InglenookError } from "../errors.js";
import { pour } from "./pour.js";
import { findStored } from "./stored.js";
import { openSyncToRead, type SyncFile } from "./sync-file.js";
import { touch } from "./touch.js";
import type { FileSink, OnFileProgress, Wanted } from "./wanted.js";

const CORRUPT: ReadonlySet<ErrorCode> = new Set(["incomplete-download", "size-mismatch", "hash-mismatch"]);

/** Reads a file from the store; `false` when it is not there, or not what it should be. */
export async function readStored(
  wanted: Wanted,
  sink: FileSink,
  onProgress: OnFileProgress,
): Promise<boolean> {
  const stored = await findStored(wanted.entry);
  if (!stored) return false;
  const { bytes = stored.record.bytes, owner } = wanted;
  onProgress({ received: 0, fetched: 0, total: bytes });
  try {
    const body = (stored.file && (await streamInPlace(stored.file))) ?? (await stored.stream());
    await pour(body ?? new Blob().stream(), { ...wanted, bytes }, sink, (received) =>
      onProgress({ received, fetched: 0, total: bytes }),
    );
  } catch (error) {
    if (!CORRUPT.has((error as InglenookError)?.code)) throw error;
    return false;
  }
  // What an earlier version wrote has the length that the host said.
  const exact = { ...stored, record: { ...stored.record, bytes } };
  await touch(wanted.entry, exact, { name: owner.name, bytes: owner.bytes ?? bytes });
  return true;
}

const CHUNK = 1 << 20;

/** The bytes of a file, several times as fast as the browser streams them; `undefined` where it cannot be read so. */
async function streamInPlace(handle: FileSystemFileHandle): Promise<ReadableStream<Uint8Array> | undefined> {
  const file: SyncFile | undefined = await openSyncToRead(handle).catch(() => undefined);
  if (!file) return undefined;
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = new Uint8Array(CHUNK);
      const bytes = file.read(chunk, { at });
      at += bytes;
      if (bytes > 0) return controller.enqueue(chunk.subarray(0, bytes));
      file.close();
      controller.close();
    },
    cancel: () => file.close(),
  });
}
