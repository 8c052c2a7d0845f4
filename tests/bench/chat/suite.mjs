// The suite `chat`: reading a prompt, writing an answer, loading, memory.
import { SUITES } from "../suites.mjs";
import { measureLoad } from "./load.mjs";
import { generate, measureSpeed } from "./measure.mjs";
import { optionsOf } from "./options.mjs";
import { readingPrompt, writingPrompt } from "./prompts.mjs";

export { sections } from "./tables.mjs";

export const PAGE = "chat/index.html";

/** The peers read the same file as it is. */
export const preparePeers = () => null;

export async function measure(run, server, report) {
  await measureSpeed({ run, url: server.url, report });
  if (run.load) await measureLoad({ run, server, report });
}

/** Loads Inglenook for `cases`; the result has the page do one of them once. */
export async function prepareWork(page, cases) {
  const options = optionsOf({ ...SUITES.chat, cases });
  await page.evaluate((options) => globalThis.bench.load("inglenook", options), options);
  return ({ phase, tokens, after }) =>
    phase === "decode"
      ? generate(page, "inglenook", writingPrompt(after), tokens)
      : generate(page, "inglenook", readingPrompt(tokens, 0), 1);
}
