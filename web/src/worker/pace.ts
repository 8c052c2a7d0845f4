import type { DeviceKind } from "./protocol.js";

/** How long a step may take, in milliseconds: an abort waits for it, and is to take less than 50 ms. */
const TARGET_MS = { cpu: 25, webgpu: 40 };
const FIRST = { cpu: 8, webgpu: 64 };
/** A GPU computes so many rows at a time: fewer take as long. */
const LEAST = { cpu: 1, webgpu: 32 };
const MOST = 512;
/**
 * How much larger the next chunk may be. On the CPU the last step through the layers has less to do than it was given,
 * and looks faster than the next one will be.
 */
const GROWTH = { cpu: 1.25, webgpu: 2 };

/** How many tokens' worth of reading is done in one step, by how long the last ones took. */
export class Pace {
  readonly #kind: DeviceKind;
  #chunk: number;

  constructor(kind: DeviceKind) {
    this.#kind = kind;
    this.#chunk = FIRST[kind];
  }

  /** Tokens of the next step. */
  get chunk(): number {
    return Math.floor(this.#chunk);
  }

  /** Learns that a step of `tokens` tokens took `ms`. */
  took(tokens: number, ms: number): void {
    if (tokens < 1) return;
    const fitting = (tokens * TARGET_MS[this.#kind]) / Math.max(ms, 1);
    this.#chunk = Math.max(LEAST[this.#kind], Math.min(MOST, fitting, this.#chunk * GROWTH[this.#kind]));
  }
}
