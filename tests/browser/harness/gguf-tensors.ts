import { Reader } from "./vocabulary.js";

const ALIGNMENT = 32;

/** A tensor of a file: where its header has the type and, after it, the place of its data; and the data's end. */
interface Tensor {
  name: string;
  /** Elements. */
  size: number;
  typeAt: number;
  type: number;
  offset: number;
  end: number;
}

/** A GGUF file in which each tensor of `changes` has a copy of the data, and the type, of the one it is to be like. */
export function alike(file: Buffer, changes: Record<string, string>): Buffer {
  const header = Buffer.from(file);
  const { tensors, start } = tensorsOf(file);
  const named = (wanted: string) => {
    const found = tensors.find(({ name }) => name === wanted);
    if (!found) throw new Error(`There is no ${wanted}.`);
    return found;
  };
  const pieces: Uint8Array[] = [header];
  let length = file.length;
  for (const [name, other] of Object.entries(changes)) {
    const [tensor, like] = [named(name), named(other)];
    const data = file.subarray(start + like.offset, start + like.end);
    const copies = Array.from({ length: tensor.size / like.size }, () => data);
    const padding = Buffer.alloc((ALIGNMENT - ((length - start) % ALIGNMENT)) % ALIGNMENT);
    header.writeUInt32LE(like.type, tensor.typeAt);
    header.writeBigUInt64LE(BigInt(length + padding.length - start), tensor.typeAt + 4);
    pieces.push(padding, ...copies);
    length += padding.length + data.length * copies.length;
  }
  return Buffer.concat(pieces);
}

/** The tensors, and where their data begins. */
function tensorsOf(file: Buffer): { tensors: Tensor[]; start: number } {
  const reader = new Reader(file);
  const count = reader.skip(8).u64();
  for (let left = reader.u64(); left > 0; left--) {
    reader.text();
    reader.skipValue(reader.u32());
  }
  const tensors = Array.from({ length: count }, () => {
    const name = reader.text();
    const sizes = Array.from({ length: reader.u32() }, () => reader.u64());
    const size = sizes.reduce((product, next) => product * next, 1);
    return { name, size, typeAt: reader.at, type: reader.u32(), offset: reader.u64(), end: 0 };
  });
  const start = Math.ceil(reader.at / ALIGNMENT) * ALIGNMENT;
  // In the order of their data, each ends where the next begins.
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset);
  sorted.forEach((tensor, i) => {
    tensor.end = sorted[i + 1]?.offset ?? file.length - start;
  });
  return { tensors, start };
}
