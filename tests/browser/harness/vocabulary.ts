import { closeSync, openSync, readSync } from "node:fs";

// The value types of GGUF with a fixed size, in bytes, by number.
const SIZES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const TEXT = 8;
const ARRAY = 9;
/** Enough for the metadata of the models that tests use. */
const HEADER_BYTES = 16 << 20;

/** The tokens of a GGUF file's byte-level vocabulary, as the file has them. */
export function readTokens(path: string): string[] {
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, "r");
  readSync(file, header);
  closeSync(file);
  const reader = new Reader(header);
  for (let left = reader.skip(16).u64(); left > 0; left--) {
    const name = reader.text();
    const type = reader.u32();
    if (name === "tokenizer.ggml.tokens") return reader.skip(4).texts();
    reader.skipValue(type);
  }
  throw new Error(`${path} has no tokens.`);
}

/** The text of byte-level tokens, special ones left out. */
export function decode(tokens: readonly string[], ids: readonly number[]): string {
  const texts = ids.map((id) => tokens[id] ?? "").filter((token) => !/^<\|.*\|>$/.test(token));
  return Buffer.from([...texts.join("")].map(byteOf)).toString("utf8");
}

/** GPT-2's way to write bytes: printable ones as themselves, the others from U+0100 on, in order. */
function byteOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  return code < 256 ? code : (UNPRINTABLE[code - 256] ?? 0);
}

const isPrintable = (byte: number) =>
  (byte > 32 && byte < 127) || (byte > 160 && byte < 173) || (byte > 173 && byte < 256);
const UNPRINTABLE = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !isPrintable(byte));

/** Reads the header of a GGUF file, value by value. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Where the next value is. */
  get at(): number {
    return this.#at;
  }

  skip(bytes: number): this {
    this.#at += bytes;
    return this;
  }

  u32(): number {
    return this.skip(4).#bytes.readUInt32LE(this.#at - 4);
  }

  u64(): number {
    return Number(this.skip(8).#bytes.readBigUInt64LE(this.#at - 8));
  }

  text(): string {
    const length = this.u64();
    return this.skip(length).#bytes.toString("utf8", this.#at - length, this.#at);
  }

  texts(): string[] {
    return Array.from({ length: this.u64() }, () => this.text());
  }

  skipValue(type: number): void {
    if (type === TEXT) this.text();
    else if (type !== ARRAY) this.skip(SIZES[type] ?? 0);
    else {
      const inner = this.u32();
      for (let left = this.u64(); left > 0; left--) this.skipValue(inner);
    }
  }
}
