// Numbers that are the same in every run.

/** A generator of 32 random bits (xorshift), the same for the same seed. */
export function randomBits(seed) {
  let state = (seed * 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** `count` numbers around `centre`, evenly spread over `spread` to either side. */
export function randomFloats(count, { seed, centre = 0, spread }) {
  const bits = randomBits(seed);
  return Float32Array.from({ length: count }, () => centre + spread * (bits() / 2 ** 31 - 1));
}

/** Random bytes. */
export function randomBytes(count, seed) {
  const bits = randomBits(seed);
  return new Uint8Array(Uint32Array.from({ length: Math.ceil(count / 4) }, bits).buffer, 0, count);
}

/** The bits of a number as an F16, rounded down in size; it must be in the range of normal ones. */
export function f16(value) {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  if (exponent < 1 || exponent > 30) throw new Error(`${value} is no normal F16`);
  return ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
