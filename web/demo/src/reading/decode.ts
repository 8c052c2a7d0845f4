/** Text with `\n` line ends and no byte order mark, or null for bytes that are not text. */
export interface Decoded {
  readonly text: string;
  readonly encoding: string;
}

/** How many leading bytes are examined to tell text from binary data. */
const SNIFFED_BYTES = 64 * 1024;

const SIGNATURES: readonly (readonly number[])[] = [
  [0x25, 0x50, 0x44, 0x46], // PDF
  [0x50, 0x4b, 0x03, 0x04], // zip, docx, xlsx, epub
  [0x1f, 0x8b], // gzip
  [0x89, 0x50, 0x4e, 0x47], // png
  [0xff, 0xd8, 0xff], // jpeg
  [0x7f, 0x45, 0x4c, 0x46], // elf
  [0x00, 0x61, 0x73, 0x6d], // wasm
];

/**
 * Decodes a file: by its byte order mark, else as UTF-8, else by the charset an HTML file declares,
 * else as windows-1252, which has a character for every byte a western legacy file may hold.
 */
export function decode(bytes: Uint8Array): Decoded | null {
  const encoding = markedEncoding(bytes) ?? unmarkedUtf16(bytes);
  if (encoding !== null) return decodeAs(bytes, encoding);
  if (looksBinary(bytes)) return null;
  return (
    decodeAs(bytes, "utf-8", true) ??
    decodeAs(bytes, declaredCharset(bytes), true) ??
    decodeAs(bytes, "windows-1252")
  );
}

function markedEncoding(bytes: Uint8Array): string | null {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return null;
}

/** UTF-16 without a mark: in mostly western text every other byte is zero. */
function unmarkedUtf16(bytes: Uint8Array): string | null {
  const length = Math.min(bytes.length, SNIFFED_BYTES) & ~1;
  if (length < 8) return null;
  let even = 0;
  let odd = 0;
  for (let i = 0; i < length; i += 2) {
    if (bytes[i] === 0) even++;
    if (bytes[i + 1] === 0) odd++;
  }
  const pairs = length / 2;
  if (odd > pairs * 0.7 && even < pairs * 0.02) return "utf-16le";
  if (even > pairs * 0.7 && odd < pairs * 0.02) return "utf-16be";
  return null;
}

function looksBinary(bytes: Uint8Array): boolean {
  if (SIGNATURES.some((signature) => signature.every((byte, i) => bytes[i] === byte))) return true;
  const length = Math.min(bytes.length, SNIFFED_BYTES);
  let control = 0;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number;
    if (byte === 0) return true;
    if (byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte !== 0x1b) control++;
  }
  return control > length * 0.02;
}

function declaredCharset(bytes: Uint8Array): string {
  const head = new TextDecoder("windows-1252").decode(bytes.subarray(0, 2048));
  return /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)/i.exec(head)?.[1] ?? "utf-8";
}

function decodeAs(bytes: Uint8Array, label: string, fatal = false): Decoded | null {
  try {
    const decoder = new TextDecoder(label, { fatal });
    const text = decoder.decode(bytes).replace(/\r\n?/g, "\n");
    return { text, encoding: decoder.encoding };
  } catch {
    return null;
  }
}
