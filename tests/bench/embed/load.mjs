// Load time, peak memory and bytes to download: each engine alone in a fresh browser.
import { openPage, rendererPeakRssMb } from "../browser.mjs";
import { brotliBytes } from "../download-size.mjs";

/** `load`: empty caches; `load-cached`: the same profile, the page opened a second time. */
export async function measureLoad({ run, server, texts, report }) {
  const failed = new Set(run.runnable.filter((lib) => report.trouble("load", lib)));
  for (let round = 0; round < run.rounds; round += 1) {
    for (const lib of run.runnable.filter((name) => !failed.has(name))) {
      try {
        await loadTwice({ run, server, texts, report }, lib, round);
      } catch (error) {
        failed.add(lib);
        report.failed("load", lib, error.message);
      }
    }
  }
}

async function loadTwice({ run, server, texts, report }, lib, round) {
  const browser = await openPage(server.url, run);
  try {
    server.requested.clear();
    report.sample("load", lib, "load_ms", await load(browser.page, run, lib, texts));
    if (round === 0) report.sample("load", lib, "download_mb", brotliBytes([...server.requested]) / 1e6);
    if (!run.software) await browser.page.evaluate(sampleLargest, [lib, texts({ tokens: 128, batch: 32 })]);
    const peak = await rendererPeakRssMb(browser.session);
    if (peak !== null) report.sample("load", lib, "peak_rss_mb", peak);
    await browser.page.reload();
    report.sample("load-cached", lib, "load_ms", await load(browser.page, run, lib, texts));
  } finally {
    await browser.close();
  }
}

function load(page, run, lib, texts) {
  const options = { model: run.model, device: run.device, dtype: run.dtype, threads: run.threads };
  const [text] = texts({ tokens: 16, batch: 1 });
  return page.evaluate(([name, how, first]) => globalThis.bench.load(name, how, first), [lib, options, text]);
}

const sampleLargest = ([lib, texts]) => globalThis.bench.sample(lib, texts, 1);
