/**
 * One vector per text, in the order of the texts: each `[dimensions]` f32, and of length 1 for models that
 * normalise. They are views of one shared buffer: copy (`vector.slice()`) before transferring one.
 */
export type Embeddings = Float32Array[] & {
  /** Indices of the texts that were cut at the model's limit. */
  readonly truncated: readonly number[];
};

/** Cuts `[n × dimensions]` f32 into its rows, without copying. */
export function toEmbeddings(
  vectors: Float32Array,
  dimensions: number,
  truncated: Iterable<number>,
): Embeddings {
  const rows: Float32Array[] = [];
  for (let at = 0; at < vectors.length; at += dimensions) rows.push(vectors.subarray(at, at + dimensions));
  return Object.assign(rows, { truncated: [...truncated] });
}
