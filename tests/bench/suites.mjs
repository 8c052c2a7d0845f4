// The suites that `run.mjs` knows, by name.

const CASES = ["16x1", "16x32", "128x1", "128x32"];
const LIBRARIES = ["inglenook", "transformers.js", "onnxruntime-web"];

/**
 * `device` is what the engines are asked for. A software adapter takes seconds for a forward, so there the
 * cases and rounds fall back to `software`.
 */
export const SUITES = {
  embed: { device: "cpu", dtype: "f32", threads: 1, libraries: LIBRARIES, cases: CASES, rounds: 7 },
  "embed-gpu": {
    device: "webgpu",
    dtype: "f32",
    threads: 1,
    libraries: LIBRARIES,
    cases: CASES,
    rounds: 7,
    software: { cases: ["16x1", "128x1"], rounds: 3 },
  },
};

/** The lowest cosine to the reference vectors at which a library's answer counts as the same. */
export const SAME_ANSWER = 0.9999;

/** `"16x32"` to `{ name, tokens, batch }`. */
export function parseCase(name) {
  const [, tokens, batch] = /^(\d+)x(\d+)$/.exec(name) ?? [];
  if (!(tokens >= 3 && tokens <= 256 && batch >= 1 && batch <= 32)) {
    throw new Error(`case ${name}: wanted TOKENSxBATCH, 3 to 256 tokens and a batch of 1 to 32`);
  }
  return { name, tokens: Number(tokens), batch: Number(batch) };
}
