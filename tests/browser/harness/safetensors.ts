// Takes safetensors files apart and puts them together for tests, right or wrong.

/** A tensor as the header describes it. */
export interface TensorEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

type Header = Record<string, TensorEntry>;

/** A file with this header and data; `length` is what it claims the header's length to be. */
export function safetensors(header: string | object, data: Uint8Array, length?: bigint): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const claimed = Buffer.alloc(8);
  claimed.writeBigUInt64LE(length ?? BigInt(text.length));
  return Buffer.concat([claimed, text, data]);
}

/** The same file with its header changed, and its data as they were. */
export function withHeader(file: Uint8Array, change: (header: Header) => void): Buffer {
  const bytes = Buffer.from(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, end).toString("utf8")) as Header;
  change(header);
  return safetensors(header, bytes.subarray(end));
}
