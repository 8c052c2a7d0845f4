import { TransientError } from "./persist.js";
import { PIECE } from "./pieces.js";
import { incomplete, tooLong } from "./pour.js";
import { unlessStalled } from "./stall.js";
import type { Wanted } from "./wanted.js";

/** Where the bytes of an answer go. */
export interface Pump {
  wanted: Wanted;
  /** Where in the file the answer begins: at a piece. */
  from: number;
  /** Where it has to end; unknown of a file of unknown length. */
  end: number | undefined;
  /** Called with the number of bytes that came, or, negative, of those that were in vain. */
  onBytes(bytes: number): void;
  /** Takes a piece; the next one will be in the same memory. */
  onPiece(piece: number, bytes: Uint8Array): Promise<void>;
}

/**
 * Cuts an answer into pieces, and returns where in the file it ended. A last piece that is not whole is passed on only
 * where the answer has to end.
 *
 * @throws `size-mismatch` where it goes on behind its end; {@link TransientError} where the connection is lost,
 *   or nothing comes any more
 */
export async function pump(
  body: ReadableStream<Uint8Array>,
  { wanted, from, end, onBytes, onPiece }: Pump,
): Promise<number> {
  const reader = body.getReader();
  const piece = new Uint8Array(PIECE);
  let at = from;
  let filled = 0;
  const emit = async () => {
    const bytes = filled;
    filled = 0;
    await onPiece((at - bytes) / PIECE, piece.subarray(0, bytes));
  };
  try {
    for (;;) {
      const { done, value } = await unlessStalled(reader.read()).catch((cause) => {
        const { message, detail } = incomplete(wanted, at);
        throw new TransientError("incomplete-download", message, { detail, cause });
      });
      if (done) break;
      if (at + value.length > (end ?? Number.POSITIVE_INFINITY)) throw tooLong(wanted);
      for (let read = 0; read < value.length; ) {
        const part = value.subarray(read, read + PIECE - filled);
        piece.set(part, filled);
        filled += part.length;
        read += part.length;
        at += part.length;
        onBytes(part.length);
        if (filled === PIECE) await emit();
      }
    }
    if (filled > 0 && (end === undefined || at === end)) await emit();
    return at - filled;
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    if (filled > 0) onBytes(-filled);
  }
}
