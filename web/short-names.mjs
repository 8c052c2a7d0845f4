/**
 * Shortens the names by which a wasm file and its glue know each other.
 *
 * wasm-bindgen makes them long and ends most of them in a hash, which does not compress: in the WebGPU build they
 * are a third of the glue.
 */

const IMPORTS = 2;
const EXPORTS = 7;
const FUNCTION = 0;
const MEMORY = 2;

/**
 * @param {Uint8Array} wasm  whose imports are functions, and perhaps a memory, as wasm-bindgen makes them
 * @param {string} glue
 * @returns {{ wasm: Buffer, glue: string }} the same two, with short names
 */
export function shortenNames(wasm, glue) {
  const imported = new Map();
  const exported = new Map();
  const short = renameSections(Buffer.from(wasm), { [IMPORTS]: imported, [EXPORTS]: exported });
  const provided = new Set();
  const renamed = glue
    .replace(/\b\w+(?=: )/g, (name) => {
      if (imported.has(name)) provided.add(name);
      return imported.get(name) ?? name;
    })
    .replace(/\bwasm\.(\w+)/g, (text, name) => (exported.has(name) ? `wasm.${exported.get(name)}` : text));
  const missing = [...imported.keys()].filter((name) => !provided.has(name));
  if (missing.length > 0) throw new Error(`The glue does not provide ${missing.join(", ")}`);
  return { wasm: short, glue: renamed };
}

/** Copies a module with new names in its import and export sections, and records them in `maps`. */
function renameSections(wasm, maps) {
  const header = 8;
  const parts = [wasm.subarray(0, header)];
  const reader = new Reader(wasm, header);
  while (!reader.done) {
    const id = reader.byte();
    const content = reader.bytes(reader.number());
    const names = maps[id];
    parts.push(Buffer.of(id), sized(names ? rename(new Reader(content), id === IMPORTS, names) : content));
  }
  return Buffer.concat(parts);
}

/** Both sections are a count and then, per entry, names and what they mean. */
function rename(reader, importing, names) {
  const count = reader.number();
  const parts = [leb(count)];
  for (let i = 0; i < count; i++) {
    if (importing) parts.push(sized(reader.bytes(reader.number())));
    const name = reader.bytes(reader.number()).toString();
    if (importing && reader.peek() === MEMORY) {
      parts.push(sized(Buffer.from(name)), reader.memory());
      continue;
    }
    const short = names.get(name) ?? `${importing ? "i" : "e"}${names.size.toString(36)}`;
    names.set(name, short);
    const kind = reader.byte();
    if (importing && kind !== FUNCTION) throw new Error(`${name} is imported, and is no function`);
    parts.push(sized(Buffer.from(short)), Buffer.of(kind), leb(reader.number()));
  }
  return Buffer.concat(parts);
}

class Reader {
  #bytes;
  #at;

  constructor(bytes, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get done() {
    return this.#at >= this.#bytes.length;
  }

  byte() {
    return this.#bytes.readUInt8(this.#at++);
  }

  peek() {
    return this.#bytes.readUInt8(this.#at);
  }

  /** A memory's kind and limits, of which there are two if the lowest bit of the second byte is set. */
  memory() {
    const start = this.#at;
    this.byte();
    const limits = 1 + (this.byte() & 1);
    for (let i = 0; i < limits; i++) this.number();
    return this.#bytes.subarray(start, this.#at);
  }

  bytes(length) {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** An unsigned LEB128 number. */
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
}

function leb(value) {
  const bytes = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.of(...bytes, rest);
}

function sized(content) {
  return Buffer.concat([leb(content.length), content]);
}
