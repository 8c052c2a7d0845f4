// Time per text: all engines loaded in one page, measured in turn, a different one first in every round.
import { openPage, rendererCpuMs } from "../browser.mjs";
import { attempt, rotated } from "../rounds.mjs";

const WARM_UP_MS = 1500;
const SAMPLE_MS = 400;
const MOST_CALLS = 50;

/** Measures every case with every library; what a library fails at goes to `report.failed`, the rest goes on. */
export async function measureEmbed({ run, url, texts, report }) {
  const browser = await openPage(url, run);
  try {
    const alive = await loadAll(browser.page, run, texts, report);
    for (const wanted of run.cases) await measureCase(browser, run, wanted, texts, alive, report);
  } finally {
    await browser.close();
  }
}

async function loadAll(page, run, texts, report) {
  const alive = new Set();
  for (const lib of run.runnable) {
    await attempt(lib, "load", report, alive, async () => {
      const options = { model: run.model, device: run.device, dtype: run.dtype, threads: run.threads };
      const text = texts(run.cases[0])[0];
      await page.evaluate(
        ([name, how, first]) => globalThis.bench.load(name, how, first),
        [lib, options, text],
      );
      alive.add(lib);
    });
  }
  return alive;
}

async function measureCase({ page, session }, run, wanted, texts, alive, report) {
  const batch = texts(wanted);
  const sample = (lib, calls) =>
    page.evaluate(
      ([name, inputs, times]) => globalThis.bench.sample(name, inputs, times),
      [lib, batch, calls],
    );
  const warm = new Map();
  for (const lib of [...alive]) {
    await attempt(lib, wanted.name, report, alive, async () => {
      warm.set(lib, await warmUp(() => sample(lib, 1)));
    });
  }
  await checkAnswers(page, run, wanted, alive, report);
  const calls = Math.min(MOST_CALLS, Math.max(1, Math.round(SAMPLE_MS / Math.min(...warm.values()))));
  for (let round = 0; round < run.rounds; round += 1) {
    for (const lib of rotated([...alive], round)) {
      await attempt(lib, wanted.name, report, alive, async () => {
        const before = await rendererCpuMs(session);
        const time = await sample(lib, calls);
        const cpu = (await rendererCpuMs(session)) - before;
        report.sample(wanted.name, lib, "time_per_text_ms", time);
        report.sample(wanted.name, lib, "cpu_per_text_ms", cpu / calls / batch.length);
      });
    }
  }
}

/** Calls until the browser has had time to compile what is hot, twice at least. Returns the last call's milliseconds. */
async function warmUp(call) {
  const start = performance.now();
  let last = 0;
  for (let calls = 0; calls < 2 || performance.now() - start < WARM_UP_MS; calls += 1) {
    const before = performance.now();
    await call();
    last = performance.now() - before;
  }
  return last;
}

/** Compares with Inglenook's vectors, or with the first library's where Inglenook does not run. */
async function checkAnswers(page, { sameAnswer }, wanted, alive, report) {
  const [reference, ...others] = [...alive];
  for (const lib of others) {
    await attempt(lib, wanted.name, report, alive, async () => {
      const cosine = await page.evaluate(
        ([one, other]) => globalThis.bench.agreement(one, other),
        [lib, reference],
      );
      report.agreement(wanted.name, lib, reference, cosine);
      if (!(cosine >= sameAnswer)) report.wrong(wanted.name, lib, `cosine to ${reference} is ${cosine}`);
    });
  }
}
