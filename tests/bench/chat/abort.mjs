// How long an abort takes. No peer is measured for it: it is a promise of ours, and not of theirs.
import { readingPrompt } from "./prompts.mjs";

const LIB = "inglenook";
/** Aborts in a round, each somewhere else in a step. */
const ABORTS = 8;

/** Milliseconds into the reading of a prompt; no multiple of them is the time of a step. */
const momentOf = (at) => 100 + 23 * at;

export async function measureAbort(page, { rounds }, { name, tokens }, report) {
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 0; at < ABORTS; at += 1) {
      const ms = await page.evaluate(
        ([lib, prompt, afterMs]) => globalThis.bench.abort(lib, prompt, afterMs),
        [LIB, readingPrompt(tokens, round + at), momentOf(at)],
      );
      report.sample(name, LIB, "abort_ms", ms);
    }
  }
}
