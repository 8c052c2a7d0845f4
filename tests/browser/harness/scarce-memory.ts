/** The section of a wasm module that says how much memory it has. */
const MEMORY = 5;

/** The same wasm module, whose memory cannot grow beyond so many pages of 64 KiB. */
export function withAtMost(pages: number, wasm: Buffer): Buffer {
  let at = 8;
  while (at < wasm.length) {
    const [length, body] = varint(wasm, at + 1);
    if (wasm[at] === MEMORY) {
      // One memory: its flags, and how large it is at first.
      const [initial] = varint(wasm, body + 2);
      const content = Buffer.from([1, 1, ...toVarint(initial), ...toVarint(pages)]);
      const section = Buffer.from([MEMORY, ...toVarint(content.length)]);
      return Buffer.concat([wasm.subarray(0, at), section, content, wasm.subarray(body + length)]);
    }
    at = body + length;
  }
  throw new Error("The module has no memory.");
}

/** An unsigned LEB128, and what follows it. */
function varint(bytes: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

function toVarint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...toVarint(Math.floor(value / 128))];
}
