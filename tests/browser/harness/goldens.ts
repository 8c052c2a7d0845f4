import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../web/stage.mjs";

/** Texts, and what the reference made of them; see tests/golden/README.md. */
export interface Golden {
  texts: string[];
  vectors: Float32Array[];
  truncated: number[];
}

type TextEntry = string | { repeat: string; times: number };
type TokensFile = { texts: { truncated: boolean }[] };

const file = (path: string) => readFileSync(join(ROOT, "tests/golden", path));
const json = (path: string) => JSON.parse(file(path).toString("utf8"));

/** The golden of a folder; `vectors` is a path in it. */
function golden(folder: string, vectors: string): Golden {
  const texts = (json(`${folder}/texts.json`) as TextEntry[]).map((entry) =>
    typeof entry === "string" ? entry : entry.repeat.repeat(entry.times),
  );
  const { texts: tokens } = json(`${folder}/tokens.json`) as TokensFile;
  const truncated = tokens.flatMap((token, i) => (token.truncated ? [i] : []));
  return { texts, truncated, vectors: rows(file(`${folder}/${vectors}`), texts.length) };
}

/** all-MiniLM-L6-v2 on 288 texts. */
export const miniLm = () => golden("embeddings", "vectors.f32");

/** A tiny BERT with the weights of the given file. */
export const tinyBert = (name = "tiny-bert-cls", weights = "model.safetensors") =>
  golden(name, `vectors/${weights}.f32`);

/** Only the texts at `indices`. */
export function pick({ texts, vectors, truncated }: Golden, indices: readonly number[]): Golden {
  return {
    texts: indices.map((i) => texts[i] as string),
    vectors: indices.map((i) => vectors[i] as Float32Array),
    truncated: indices.flatMap((i, at) => (truncated.includes(i) ? [at] : [])),
  };
}

/** The vectors at length 1, as a GGUF's are given. */
export function normalised({ texts, vectors, truncated }: Golden): Golden {
  const unit = (vector: Float32Array) => vector.map((x) => x / Math.hypot(...vector));
  return { texts, truncated, vectors: vectors.map(unit) };
}

function rows(bytes: Buffer, count: number): Float32Array[] {
  const all = new Float32Array(new Uint8Array(bytes).buffer);
  const width = all.length / count;
  return Array.from({ length: count }, (_, i) => all.subarray(i * width, (i + 1) * width));
}

/** Vectors as they come out of a page, of whatever array type. */
export type Vectors = readonly ArrayLike<number>[];

/** The largest difference of two numbers in the same place; NaN if a vector is missing, too short or not a number. */
export function largestDifference(found: Vectors, expected: Vectors): number {
  if (found.length !== expected.length) return Number.NaN;
  let largest = 0;
  found.forEach((vector, i) => {
    const other = expected[i] as ArrayLike<number>;
    if (vector.length !== other.length) largest = Number.NaN;
    // `Math.max` keeps a NaN, a comparison would lose it.
    for (let at = 0; at < vector.length; at++) {
      largest = Math.max(largest, Math.abs((vector[at] as number) - (other[at] as number)));
    }
  });
  return largest;
}

/** The lowest cosine between a vector and the one in the same place. */
export function lowestCosine(found: Vectors, expected: Vectors): number {
  if (found.length !== expected.length) return Number.NaN;
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Array.from(a).reduce((sum, x, i) => sum + x * (b[i] as number), 0);
  const cosines = found.map((a, i) => {
    const b = expected[i] as ArrayLike<number>;
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  });
  return Math.min(...cosines);
}
