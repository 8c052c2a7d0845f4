// Load time and peak memory: each engine alone in a fresh browser.
import { basename } from "node:path";
import { openPage, rendererPeakRssMb } from "../browser.mjs";
import { rotated } from "../rounds.mjs";
import { generate } from "./measure.mjs";
import { optionsOf, SHORT_ANSWER } from "./options.mjs";
import { readingPrompt, writingPrompt } from "./prompts.mjs";

const MOST_ROUNDS = 3;
const LARGEST = 480;

/** `load`: a profile that is empty, so that the model comes from the server; `load-cached`: a second visit. */
export async function measureLoad({ run, server, report }) {
  const failed = new Set(run.runnable.filter((lib) => report.trouble("load", lib)));
  for (let round = 0; round < Math.min(run.rounds, MOST_ROUNDS); round += 1) {
    for (const lib of rotated(run.runnable, round).filter((name) => !failed.has(name))) {
      try {
        await loadTwice(run, server, lib, report);
      } catch (error) {
        failed.add(lib);
        report.failed("load", lib, error.message);
      }
    }
  }
}

async function loadTwice(run, server, lib, report) {
  const { page, session, close } = await openPage(server.url, run);
  try {
    await loadOnce(run, page, "load", lib, report);
    await generate(page, lib, readingPrompt(LARGEST, 0), SHORT_ANSWER);
    const peak = await rendererPeakRssMb(session);
    if (peak !== null) report.sample("memory", lib, "peak_rss_mb", peak);
    const second = await page.context().newPage();
    await page.close();
    await second.goto(server.url);
    server.requested.clear();
    await loadOnce(run, second, "load-cached", lib, report);
    const weights = basename(run.gguf ?? optionsOf(run).file);
    if ([...server.requested].some((file) => basename(file) === weights))
      throw new Error("it fetched the weights again on the second visit");
  } finally {
    await close();
  }
}

/** From nothing in the page to the first token. */
async function loadOnce(run, page, wanted, lib, report) {
  const loaded = await page.evaluate(
    ([name, how]) => globalThis.bench.load(name, how),
    [lib, optionsOf(run)],
  );
  const { times } = await generate(page, lib, writingPrompt(), 1);
  report.sample(wanted, lib, "load_ms", loaded);
  report.sample(wanted, lib, "first_token_ms", loaded + times[0]);
}
