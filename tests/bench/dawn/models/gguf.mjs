// Writes GGUF files, in pieces.
import { closeSync, openSync, renameSync, writeSync } from "node:fs";

const ALIGNMENT = 32;
const VERSION = 3;
const CODES = { u32: 4, f32: 6, text: 8, array: 9 };

/** GGML's numbers of the types of tensors, and how many bytes as many elements take. */
export const DTYPES = {
  f32: { code: 0, elements: 1, bytes: 4 },
  q4_0: { code: 2, elements: 32, bytes: 18 },
  q4_1: { code: 3, elements: 32, bytes: 20 },
  q8_0: { code: 8, elements: 32, bytes: 34 },
};

/** The bytes of a tensor `{ dtype, shape }`. */
export function bytesOf({ dtype, shape }) {
  const { elements, bytes } = DTYPES[dtype];
  return (shape.reduce((product, size) => product * size, 1) / elements) * bytes;
}

/**
 * Writes `metadata`, entries `[key, type, value]`, and `tensors`, `{ name, dtype, shape, pieces }`: a shape of rows and
 * columns, and an iterable of the bytes. Returns the bytes of the tensors.
 */
export function writeGguf(file, metadata, tensors) {
  const part = `${file}.part`;
  const descriptor = openSync(part, "w");
  const header = headerOf(metadata, tensors);
  writeSync(descriptor, header);
  writeSync(descriptor, padding(header.length));
  for (const tensor of tensors) {
    for (const piece of tensor.pieces()) writeSync(descriptor, piece);
    writeSync(descriptor, padding(bytesOf(tensor)));
  }
  closeSync(descriptor);
  renameSync(part, file);
}

const padding = (bytes) => Buffer.alloc(-bytes & (ALIGNMENT - 1));

function headerOf(metadata, tensors) {
  const parts = [Buffer.from("GGUF"), u32(VERSION), u64(tensors.length), u64(metadata.length)];
  for (const [key, type, value] of metadata)
    parts.push(text(key), u32(CODES[type] ?? CODES.array), scalar(type, value));
  let offset = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    // GGML's order: the innermost size first.
    parts.push(
      text(name),
      u32(shape.length),
      ...shape.toReversed().map(u64),
      u32(DTYPES[dtype].code),
      u64(offset),
    );
    offset += bytesOf(tensor) + padding(bytesOf(tensor)).length;
  }
  return Buffer.concat(parts);
}

function scalar(type, value) {
  if (type === "u32") return u32(value);
  if (type === "f32") return f32(value);
  if (type === "text") return text(value);
  if (type === "texts") return Buffer.concat([u32(CODES.text), u64(value.length), ...value.map(text)]);
  throw new Error(`no type ${type}`);
}

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}
