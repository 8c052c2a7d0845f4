import { InglenookError } from "../errors.js";

// A module of one function that gives a v128, up to the size of its code.
// biome-ignore format: bytes
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];

// i8x16.splat and i8x16.popcnt.
const SIMD_MODULE = Uint8Array.of(...HEAD, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);

const SPLAT = [65, 0, 253, 15];
// i8x16.splat, three times, and i32x4.relaxed_dot_i8x16_i7x16_add_s.
const RELAXED = [...SPLAT, ...SPLAT, ...SPLAT, 253, 147, 2, 11];
const RELAXED_SIMD_MODULE = Uint8Array.of(...HEAD, 19, 1, 17, 0, ...RELAXED);

/** Whether this browser runs WebAssembly with 128-bit SIMD, which every build needs. */
export function hasSimd(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(SIMD_MODULE);
}

/** Whether it also runs relaxed SIMD, for which there is a faster CPU build. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_SIMD_MODULE);
}

/** @throws {@link InglenookError} `worker` where {@link hasSimd} is false */
export function requireSimd(): void {
  if (!hasSimd()) throw new InglenookError("worker", "This browser does not run WebAssembly with SIMD.");
}
