/**
 * The two numbers of an ECDSA signature, each in `size` bytes, from its DER: SEQUENCE { INTEGER r, INTEGER s }. `undefined`
 * where it is none.
 */
export function rawSignature(der: Uint8Array, size: number): Uint8Array<ArrayBuffer> | undefined {
  const sequence = element(der, 0x30);
  const r = sequence && !sequence.rest.length && element(sequence.content, 0x02);
  const s = r && element(r.rest, 0x02);
  if (!r || !s || s.rest.length) return undefined;
  const raw = new Uint8Array(2 * size);
  return put(r.content, raw.subarray(0, size)) && put(s.content, raw.subarray(size)) ? raw : undefined;
}

/** The element that `der` begins with, if it is of the type `tag` and less than 256 bytes long. */
function element(der: Uint8Array, tag: number): { content: Uint8Array; rest: Uint8Array } | undefined {
  const isLong = der[1] === 0x81;
  const [start, length = 256] = isLong ? [3, der[2]] : [2, der[1]];
  if (der[0] !== tag || der.length < start + length) return undefined;
  return { content: der.subarray(start, start + length), rest: der.subarray(start + length) };
}

/** Writes a positive number into the end of `into`; whether it is one that fits. */
function put(number: Uint8Array, into: Uint8Array): boolean {
  const [first = 0x80] = number;
  const digits = number.subarray(first === 0 ? 1 : 0);
  if (first >= 0x80 || digits.length > into.length) return false;
  into.set(digits, into.length - digits.length);
  return true;
}
