// Random weights as GGML stores them, as fast as a disk takes them.
import { DTYPES } from "./gguf.mjs";
import { f16, randomBytes, randomFloats } from "./random.mjs";

/** Of each type, the size of a weight whose scale is one, and what is added in units of the scale. */
const SCALES = { q4_0: { size: 4.6 }, q4_1: { size: 4.6, minimum: -7.5 }, q8_0: { size: 74 } };
/** Blocks in a pool. */
const BLOCKS = 1 << 17;
/** Each tensor begins so many blocks later in the pool than the one before it. */
const SHIFT = 12_347;

/** Makes the bytes of matrices in `dtype`, whose weights are about `1 / √columns`, so that activations stay near one. */
export class RandomBlocks {
  #dtype;
  #pools = new Map();
  #turn = 0;

  constructor(dtype) {
    this.#dtype = dtype;
  }

  /** A tensor of a GGUF file. */
  matrix(name, rows, columns) {
    const start = (this.#turn++ * SHIFT) % BLOCKS;
    const { elements } = DTYPES[this.#dtype];
    const pieces = () => this.#pieces(columns, (rows * columns) / elements, start);
    return { name, dtype: this.#dtype, shape: [rows, columns], pieces };
  }

  *#pieces(columns, blocks, start) {
    const { bytes } = DTYPES[this.#dtype];
    const pool = this.#pool(columns);
    for (let [left, from] = [blocks, start]; left > 0; from = 0) {
      const taken = Math.min(left, BLOCKS - from);
      yield pool.subarray(from * bytes, (from + taken) * bytes);
      left -= taken;
    }
  }

  #pool(columns) {
    if (!this.#pools.has(columns)) this.#pools.set(columns, randomPool(this.#dtype, columns));
    return this.#pools.get(columns);
  }
}

function randomPool(dtype, columns) {
  const { bytes } = DTYPES[dtype];
  const { size, minimum } = SCALES[dtype];
  const pool = Buffer.from(randomBytes(BLOCKS * bytes, 1).buffer, 0, BLOCKS * bytes);
  const scale = 1 / Math.sqrt(columns) / size;
  for (let at = 0; at < pool.length; at += bytes) {
    pool.writeUInt16LE(f16(scale), at);
    if (minimum) pool.writeUInt16LE(f16(minimum * scale), at + 2);
  }
  return pool;
}

/** A tensor of numbers near `centre`. */
export function randomVector(name, size, centre) {
  const spread = 0.1;
  const values = () => randomFloats(size, { seed: size, centre, spread });
  return { name, dtype: "f32", shape: [size], pieces: () => [new Uint8Array(values().buffer)] };
}
