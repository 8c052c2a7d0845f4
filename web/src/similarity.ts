import { InglenookError } from "./errors.js";

/**
 * The cosine of the angle between two vectors: 1 for the same direction, 0 for unrelated ones.
 *
 * @param a - `[n]` f32, any length but zero
 * @param b - `[n]` f32, as long as `a`
 * @returns a number in −1..1; 0 where either vector is all zeros
 * @throws {@link InglenookError} `invalid-input` when the lengths differ
 *
 * @example
 * ```ts
 * import { Embedder, similarity } from "inglenook";
 *
 * const titles = ["Kettle boils dry", "A kettle has boiled dry", "Train leaves at nine"];
 * const embedder = await Embedder.create();
 * const vectors = await embedder.embed(titles);
 * const isRepeated = (i: number) => vectors.slice(0, i).some((other) => similarity(vectors[i], other) > 0.8);
 * console.log(titles.filter((_, i) => !isRepeated(i)).join()); // without the second
 * embedder.destroy();
 * ```
 */
export function similarity(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) {
    throw new InglenookError(
      "invalid-input",
      `Vectors of ${a.length} and ${b.length} numbers cannot be compared.`,
    );
  }
  let dot = 0;
  let aa = 0;
  let bb = 0;
  a.forEach((x, i) => {
    const y = b[i] as number;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  });
  const scale = Math.sqrt(aa) * Math.sqrt(bb);
  return scale === 0 ? 0 : Math.max(-1, Math.min(1, dot / scale));
}
