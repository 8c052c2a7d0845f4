// How a run is made: the suite, the command line, and what the browser turns out to have.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openPage } from "./browser.mjs";
import { describeMachine } from "./machine.mjs";
import { MODULES, ROOT } from "./paths.mjs";
import { ALONE, parseCase, SUITES } from "./suites.mjs";

const FOLDERS = {
  inglenook: ROOT,
  [ALONE]: ROOT,
  "transformers.js": join(MODULES, "@huggingface/transformers"),
  "onnxruntime-web": join(MODULES, "onnxruntime-web"),
  "wllama-2": join(MODULES, "wllama-2"),
  "wllama-3": join(MODULES, "wllama-3"),
};

function versionOf(lib) {
  return JSON.parse(readFileSync(join(FOLDERS[lib], "package.json"), "utf8")).version;
}

async function probeBrowser(url, gpu) {
  const { page, version, close } = await openPage(url, { gpu });
  try {
    const adapter = gpu
      ? await page.evaluate(() => globalThis.bench.adapter())
      : { name: "cpu", software: false };
    if (!adapter) throw new Error("this Chromium has no WebGPU adapter");
    return { adapter, chromium: version, isolated: await page.evaluate(() => globalThis.bench.isolated) };
  } finally {
    await close();
  }
}

/** A software GPU takes seconds for a forward, so there the suite's lighter cases and rounds are the default. */
export async function planRun(command, url) {
  const suite = SUITES[command.suite];
  const machine = describeMachine();
  const gpu = suite.device === "webgpu";
  const { adapter, chromium, isolated } = await probeBrowser(url, gpu);
  const usual = adapter.software ? { ...suite, ...suite.software } : suite;
  return {
    suite: command.suite,
    model: suite.model,
    device: suite.device,
    dtype: command.gguf ? basename(command.gguf) : suite.dtype,
    gguf: command.gguf,
    threads: suite.threads,
    sameAnswer: suite.sameAnswer,
    gpu,
    adapter: adapter.name,
    software: adapter.software,
    rounds: command.rounds ?? usual.rounds,
    cases: (command.cases ?? usual.cases).map((name) => parseCase(command.suite, name)),
    libraries: command.libraries,
    load: command.load,
    versions: Object.fromEntries(command.libraries.map((lib) => [lib, versionOf(lib)])),
    machine: { ...machine, chromium, isolated },
  };
}
