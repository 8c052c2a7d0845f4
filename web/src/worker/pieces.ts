/** Bytes of a piece; the last one of a file may have fewer. */
export const PIECE = 1 << 18;

/**
 * The hash of a file by its pieces, as `ModelFile.piecesSha256` has it. It is the browser's own SHA-256, which is several
 * times as fast as one in wasm, but takes nothing but whole buffers.
 */
export class PieceHash {
  readonly #piece = new Uint8Array(PIECE);
  #filled = 0;
  readonly #digests: Uint8Array[] = [];

  /** `undefined` in a page without a secure context, which has no such function. */
  static start(): PieceHash | undefined {
    return globalThis.crypto?.subtle && new PieceHash();
  }

  /** Takes the next bytes. */
  async push(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + PIECE - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === PIECE) await this.#endPiece();
    }
  }

  /** Takes the hash of the next piece, where that is known; not to be mixed with `push`. */
  add(digest: Uint8Array): void {
    this.#digests.push(digest);
  }

  /** The hash of all bytes, in lower-case hexadecimal. */
  async hex(): Promise<string> {
    if (this.#filled > 0) await this.#endPiece();
    const digests = await new Blob(this.#digests as BlobPart[]).arrayBuffer();
    return toHex(await digestOf(digests));
  }

  async #endPiece(): Promise<void> {
    this.add(await digestOf(this.#piece.subarray(0, this.#filled)));
    this.#filled = 0;
  }
}

/** The SHA-256 of `bytes`. */
export async function digestOf(bytes: BufferSource): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Bytes in lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
