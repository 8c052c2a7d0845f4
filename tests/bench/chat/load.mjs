// Load time and peak memory: each engine alone in a fresh browser.
import { openPage, rendererPeakRssMb } from "../browser.mjs";
import { rotated } from "../rounds.mjs";
import { generate } from "./measure.mjs";
import { optionsOf, SHORT_ANSWER } from "./options.mjs";
import { readingPrompt, writingPrompt } from "./prompts.mjs";

const MOST_ROUNDS = 3;
const LARGEST = 480;

/** A profile is empty, so that the model comes from the server each time. */
export async function measureLoad({ run, url, report }) {
  const failed = new Set(run.runnable.filter((lib) => report.trouble("load", lib)));
  for (let round = 0; round < Math.min(run.rounds, MOST_ROUNDS); round += 1) {
    for (const lib of rotated(run.runnable, round).filter((name) => !failed.has(name))) {
      try {
        await loadOnce(run, url, lib, report);
      } catch (error) {
        failed.add(lib);
        report.failed("load", lib, error.message);
      }
    }
  }
}

async function loadOnce(run, url, lib, report) {
  const { page, session, close } = await openPage(url, run);
  try {
    const loaded = await page.evaluate(
      ([name, how]) => globalThis.bench.load(name, how),
      [lib, optionsOf(run)],
    );
    const { times } = await generate(page, lib, writingPrompt(), 1);
    report.sample("load", lib, "load_ms", loaded);
    report.sample("load", lib, "first_token_ms", loaded + times[0]);
    await generate(page, lib, readingPrompt(LARGEST, 0), SHORT_ANSWER);
    const peak = await rendererPeakRssMb(session);
    if (peak !== null) report.sample("memory", lib, "peak_rss_mb", peak);
  } finally {
    await close();
  }
}
