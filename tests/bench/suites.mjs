// The suites that `run.mjs` knows, by name.
import { cpus } from "node:os";

/** Inglenook as on a page that is not cross-origin isolated: on one thread. */
export const ALONE = "inglenook-1";

/** Everybody has the threads that Inglenook takes of such a machine (`web/src/worker/threads.ts`). */
const ISOLATED = {
  isolated: true,
  threads: Math.min(cpus().length, Math.max(4, Math.ceil(cpus().length / 2)), 8),
};

const EMBED = {
  kind: "embed",
  model: "all-minilm-l6-v2",
  dtype: "f32",
  threads: 1,
  libraries: ["inglenook", "transformers.js", "onnxruntime-web"],
  cases: ["16x1", "16x32", "128x1", "128x32"],
  rounds: 7,
  sameAnswer: 0.9999,
};

const CHAT = {
  kind: "chat",
  device: "cpu",
  model: "smollm2-135m-instruct",
  dtype: "Q4_1",
  threads: 1,
  libraries: ["inglenook", "wllama-2", "wllama-3"],
  cases: ["prefill128", "prefill480", "decode128", "abort"],
  rounds: 5,
};

/** A suite on threads, beside Inglenook on one. */
function threaded(suite) {
  const [us, ...peers] = suite.libraries;
  return { ...suite, ...ISOLATED, libraries: [us, ALONE, ...peers] };
}

/**
 * `device` and `dtype` are what the engines are asked for; `sameAnswer` is the lowest cosine to Inglenook's vectors at
 * which a library's answer counts as the same. A software adapter takes seconds for a forward, so there the
 * cases and rounds fall back to `software`.
 */
export const SUITES = {
  embed: { ...EMBED, device: "cpu" },
  // Every library quantises in its own way, and its activations too.
  "embed-q8": { ...EMBED, device: "cpu", dtype: "q8", sameAnswer: 0.9 },
  "embed-gpu": { ...EMBED, device: "webgpu", software: { cases: ["16x1", "128x1"], rounds: 3 } },
  "embed-threads": threaded({ ...EMBED, device: "cpu" }),
  chat: CHAT,
  "chat-threads": threaded(CHAT),
};

/** The characters that a chat engine's greedy answer has to begin with in common with the others'. */
export const SAME_START = 40;

/** Tokens of a conversation and its answer that every chat engine makes room for. */
export const CONTEXT_WINDOW = 1024;

const PARSERS = { embed: parseEmbedCase, chat: parseChatCase };

/** A case by its name, for a suite: `16x32` to `{ name, tokens, batch }`, `prefill128` to `{ name, phase, tokens }`. */
export function parseCase(suite, name) {
  return { name, ...PARSERS[SUITES[suite].kind](name) };
}

function parseEmbedCase(name) {
  const [, tokens, batch] = /^(\d+)x(\d+)$/.exec(name) ?? [];
  if (!(tokens >= 3 && tokens <= 256 && batch >= 1 && batch <= 32)) {
    throw new Error(`case ${name}: wanted TOKENSxBATCH, 3 to 256 tokens and a batch of 1 to 32`);
  }
  return { tokens: Number(tokens), batch: Number(batch) };
}

/** Tokens of the prompt in whose reading an abort comes. */
const ABORTED_TOKENS = 480;

function parseChatCase(name) {
  if (name === "abort") return { phase: "abort", tokens: ABORTED_TOKENS };
  const [, phase, tokens, after] = /^(prefill|decode)(\d+)(?:after(\d+))?$/.exec(name) ?? [];
  const most = phase === "prefill" ? CONTEXT_WINDOW - 64 : 256;
  const isAfter = phase === "decode" && after >= 64 && after <= 512;
  if (!(tokens >= 32 && tokens <= most && (after === undefined || isAfter))) {
    const kinds = "prefillTOKENS (32 to 960), decodeTOKENS (32 to 256), decodeTOKENSafterTOKENS (64 to 512)";
    throw new Error(`case ${name}: wanted ${kinds} or abort`);
  }
  return { phase, tokens: Number(tokens), ...(after && { after: Number(after) }) };
}
