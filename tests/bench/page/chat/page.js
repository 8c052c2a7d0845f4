// What the runner calls in the page. Every engine computes in a worker of its own; all times are taken here, from the
// request to the moment when the page has a token, which is what an application waits for.
import { patiently } from "../patiently.js";
import { inglenook } from "./engines/inglenook.js";
import * as wllama2 from "./engines/wllama-2.js";
import * as wllama3 from "./engines/wllama-3.js";

const ENGINES = {
  inglenook: inglenook("/inglenook/index.js"),
  "inglenook-1": inglenook("/inglenook-1/index.js"),
  "wllama-2": wllama2,
  "wllama-3": wllama3,
};

const loaded = new Map();

/** Loads an engine. Returns the milliseconds from nothing to an engine that takes prompts. */
async function load(lib, options) {
  const start = performance.now();
  loaded.set(lib, await patiently(ENGINES[lib].load(options), `${lib} load`));
  return performance.now() - start;
}

/**
 * Has an engine answer `prompt` greedily with up to `most` tokens, reusing nothing of an earlier prompt.
 * `times` are the milliseconds from the request to each token.
 */
async function generate(lib, prompt, most) {
  const times = [];
  const start = performance.now();
  const onToken = () => times.push(performance.now() - start);
  const answer = await patiently(loaded.get(lib).generate(prompt, most, onToken), lib);
  return { ...answer, times };
}

/** Milliseconds from an abort, `afterMs` into the reading of `prompt`, until the engine has answered something else. */
function abort(lib, prompt, afterMs) {
  return patiently(loaded.get(lib).abort(prompt, afterMs), lib);
}

globalThis.bench = { load, generate, abort, isolated: crossOriginIsolated };
