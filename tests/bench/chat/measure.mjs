// Tokens per second: all engines loaded in one page, measured in turn, a different one first in every round.
import { openPage, rendererCpuMs } from "../browser.mjs";
import { attempt, rotated } from "../rounds.mjs";
import { SAME_START } from "../suites.mjs";
import { measureAbort } from "./abort.mjs";
import { optionsOf } from "./options.mjs";
import { readingPrompt, writingPrompt } from "./prompts.mjs";
import { complaint, sharedStart, speedOf } from "./samples.mjs";

const WARM_UP = { read: 128, write: 16 };

/** Measures every case with every library; what a library fails at goes to `report.failed`, the rest goes on. */
export async function measureSpeed({ run, url, report }) {
  const browser = await openPage(url, run);
  try {
    const alive = await loadAll(browser.page, run, report);
    for (const wanted of run.cases) {
      if (wanted.phase !== "abort") await measureCase(browser, run, wanted, alive, report);
      else if (alive.has("inglenook")) {
        await attempt("inglenook", wanted.name, report, alive, () =>
          measureAbort(browser.page, run, wanted, report),
        );
      }
    }
  } finally {
    await browser.close();
  }
}

/** Loads every library, and has it read and write once so that the browser has compiled what is hot. */
async function loadAll(page, run, report) {
  const alive = new Set();
  const options = optionsOf(run);
  for (const lib of run.runnable) {
    await attempt(lib, "load", report, alive, async () => {
      await page.evaluate(([name, how]) => globalThis.bench.load(name, how), [lib, options]);
      await generate(page, lib, readingPrompt(WARM_UP.read, 0), WARM_UP.write);
      alive.add(lib);
    });
  }
  return alive;
}

async function measureCase({ page, session }, run, wanted, alive, report) {
  const most = wanted.phase === "prefill" ? 1 : wanted.tokens;
  for (let round = 0; round < run.rounds; round += 1) {
    const prompt =
      wanted.phase === "prefill" ? readingPrompt(wanted.tokens, round + 1) : writingPrompt(wanted.after);
    for (const lib of rotated([...alive], round)) {
      await attempt(lib, wanted.name, report, alive, async () => {
        const before = await rendererCpuMs(session);
        const sample = await generate(page, lib, prompt, most);
        const cpu = (await rendererCpuMs(session)) - before;
        const wrong = complaint(sample, prompt, most);
        if (wrong) return report.wrong(wanted.name, lib, wrong);
        for (const [metric, value] of Object.entries(speedOf(wanted.phase, sample)))
          report.sample(wanted.name, lib, metric, value);
        report.sample(wanted.name, lib, "cpu_ms", cpu);
        if (wanted.phase === "decode") report.answer(wanted.name, lib, sample.text);
      });
    }
  }
  if (wanted.phase === "decode") checkAnswers(wanted.name, [...alive], report);
}

/** Rounding leads greedy answers apart sooner or later, but not at once. */
function checkAnswers(wanted, libraries, report) {
  const [reference, ...others] = libraries.filter((lib) => report.answerOf(wanted, lib) !== undefined);
  for (const lib of others) {
    const shared = sharedStart(report.answerOf(wanted, lib), report.answerOf(wanted, reference));
    report.agreement(wanted, lib, reference, shared);
    if (shared < SAME_START)
      report.wrong(wanted, lib, `its answer and that of ${reference} part after ${shared} characters`);
  }
}

/** Has a library answer with up to `most` tokens; what page/chat/page.js says of it. */
export function generate(page, lib, prompt, most) {
  return page.evaluate(
    ([name, request, limit]) => globalThis.bench.generate(name, request, limit),
    [lib, prompt, most],
  );
}
