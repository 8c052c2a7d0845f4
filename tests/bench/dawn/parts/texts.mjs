// The cases of the encoder, and where its vectors are kept for comparison.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer, textsOf } from "../../embed/texts.mjs";
import { MODEL } from "../models/encoder.mjs";

const CASES = {
  usual: { cases: ["16x1", "128x1", "16x64", "128x64"], samples: 9 },
  tiny: { cases: ["16x1", "16x4"], samples: 2 },
};

/** `{ name, tokens, batch, texts }` of each case, and how often it is measured. */
export function encoderCases(tiny) {
  const { cases, samples } = tiny ? CASES.tiny : CASES.usual;
  const tokenizer = loadTokenizer(MODEL);
  return {
    tokenizer,
    samples,
    cases: cases.map((name) => {
      const [tokens, batch] = name.split("x").map(Number);
      return { name, tokens, batch, texts: textsOf(tokenizer, tokens, batch) };
    }),
  };
}

const fileOf = (folder, name) => join(folder, `vectors-${name}.f32`);

export function keepVectors(folder, name, vectors) {
  writeFileSync(fileOf(folder, name), new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength));
}

/** The least cosine of `vectors` of unit length to those that were kept. */
export function leastCosine(folder, name, vectors, width) {
  const bytes = readFileSync(fileOf(folder, name));
  const kept = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  if (kept.length !== vectors.length)
    throw new Error(`${kept.length} numbers were kept, there are ${vectors.length}`);
  let least = 1;
  for (let at = 0; at < kept.length; at += width) {
    let cosine = 0;
    for (let i = at; i < at + width; i += 1) cosine += kept[i] * vectors[i];
    least = Math.min(least, cosine);
  }
  return least;
}
