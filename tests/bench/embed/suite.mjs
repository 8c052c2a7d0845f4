// The suites `embed`, `embed-q8` and `embed-gpu`: time per text, loading, memory.
import { SUITES } from "../suites.mjs";
import { measureLoad } from "./load.mjs";
import { measureEmbed } from "./measure.mjs";
import { loadTokenizer, textsOf } from "./texts.mjs";

export { preparePeers } from "./onnx.mjs";
export { sections } from "./tables.mjs";

export const PAGE = "embed/index.html";

/** Enough for a profile. */
const PROFILED_TEXTS = 64;

export async function measure(run, server, report) {
  const tokenizer = loadTokenizer(run.model);
  const texts = ({ tokens, batch }) => textsOf(tokenizer, tokens, batch);
  await measureEmbed({ run, url: server.url, texts, report });
  if (run.load) await measureLoad({ run, server, texts, report });
}

/** Loads Inglenook for `cases` of `suite`, on the CPU; the result has the page do one of them some times. */
export async function prepareWork(page, cases, suite) {
  const { model, dtype } = SUITES[suite];
  const tokenizer = loadTokenizer(model);
  const textsFor = ({ tokens, batch }) => textsOf(tokenizer, tokens, batch);
  const load = ([options, text]) => globalThis.bench.load("inglenook", options, text);
  await page.evaluate(load, [{ model, device: "cpu", dtype }, textsFor(cases[0])[0]]);
  const sample = ([texts, calls]) => globalThis.bench.sample("inglenook", texts, calls);
  return (wanted) => page.evaluate(sample, [textsFor(wanted), Math.ceil(PROFILED_TEXTS / wanted.batch)]);
}
