/** Bytes of a piece; the last one of a file may have fewer. */
const PIECE = 1 << 18;

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

  /** The hash of all bytes, in lower-case hexadecimal. */
  async hex(): Promise<string> {
    if (this.#filled > 0) await this.#endPiece();
    const digests = await new Blob(this.#digests as BlobPart[]).arrayBuffer();
    return Array.from(await digest(digests), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async #endPiece(): Promise<void> {
    this.#digests.push(await digest(this.#piece.subarray(0, this.#filled)));
    this.#filled = 0;
  }
}

async function digest(bytes: BufferSource): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
