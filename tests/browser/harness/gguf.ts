// Writes GGUF files for tests. Nothing that is put in is checked: most of these files are meant to be wrong.

/** A tensor as the file claims it to be. */
export interface ClaimedTensor {
  name: string;
  /** Innermost first. */
  dimensions: readonly bigint[];
  /** The number of its data type; 0 is F32. */
  type?: number;
  offset?: bigint;
}

/** What a GGUF file consists of. */
export interface GgufParts {
  version?: number;
  /** A text or a u32 each. */
  metadata?: Record<string, string | number>;
  tensors?: readonly ClaimedTensor[];
  /** How many tensors the header claims, if not as many as there are. */
  tensorCount?: bigint;
  metadataCount?: bigint;
  /** Bytes of data after the header. */
  dataBytes?: number;
}

const TEXT = 8;
const U32 = 4;
const ALIGNMENT = 32;

/** The bytes of a GGUF file. */
export function gguf({
  version = 3,
  metadata = {},
  tensors = [],
  dataBytes = 64,
  ...claims
}: GgufParts): Buffer {
  const entries = Object.entries(metadata);
  const header = Buffer.concat([
    Buffer.from("GGUF"),
    u32(version),
    u64(claims.tensorCount ?? BigInt(tensors.length)),
    u64(claims.metadataCount ?? BigInt(entries.length)),
    ...entries.flatMap(([key, value]) =>
      typeof value === "string" ? [text(key), u32(TEXT), text(value)] : [text(key), u32(U32), u32(value)],
    ),
    ...tensors.flatMap(({ name, dimensions, type = 0, offset = 0n }) => [
      text(name),
      u32(dimensions.length),
      ...dimensions.map(u64),
      u32(type),
      u64(offset),
    ]),
  ]);
  const padding = (ALIGNMENT - (header.length % ALIGNMENT)) % ALIGNMENT;
  return Buffer.concat([header, Buffer.alloc(padding + dataBytes)]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(BigInt(bytes.length)), bytes]);
}
