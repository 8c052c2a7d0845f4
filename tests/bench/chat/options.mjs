// What an engine is told when it loads.
import { readManifest } from "../setup.mjs";
import { CONTEXT_WINDOW } from "../suites.mjs";

/** Tokens that are written where the writing is not what is measured. */
export const SHORT_ANSWER = 32;

/** The address of the file that is asked for with `--gguf`. */
export const OTHER_FILE = "/weights/other.gguf";

/**
 * The model by name for Inglenook, by address for the peers and where it is another file than the manifest's.
 * `maxTokens` is the longest answer of the run, and `threads` what a peer computes with.
 */
export function optionsOf({ model, device, cases, gguf, threads }) {
  const [{ path }] = readManifest(model).files;
  const longest = Math.max(...cases.map(({ phase, tokens }) => (phase === "decode" ? tokens : SHORT_ANSWER)));
  const file = gguf ? OTHER_FILE : `/weights/${model}/${path}`;
  return {
    model: gguf ? OTHER_FILE : model,
    device,
    contextWindow: CONTEXT_WINDOW,
    maxTokens: longest,
    file,
    threads,
  };
}
