// A decoder on the GPU: reading a prompt, and writing token by token.
import { statSync } from "node:fs";
import { openGpu, orFault, readFiles, startBuild } from "../bindings.mjs";
import { installWebGpu } from "../globals.mjs";
import { installMeter, measured } from "../meter.mjs";
import { cacheBytes, makeDecoder, prefillFlops, promptOf } from "../models/decoders.mjs";
import { median, medians, now, repeat, summary } from "../samples.mjs";

const WINDOW = 1024;
/** As much as a step can read. */
const WHOLE = 512;
const SIZES = {
  usual: { prompt: 480, written: 64, after: [64, 448], samples: 5 },
  tiny: { prompt: 96, written: 4, after: [16], samples: 2 },
};

export async function run({ options, model: name, progress, row }) {
  const sizes = options.tiny ? SIZES.tiny : SIZES.usual;
  progress(`weights of ${name}, ${options.dtype}`);
  const made = makeDecoder(options.folder, options.tiny ? "tiny" : name, options.dtype);
  installWebGpu(options.dawn);
  installMeter();
  progress("loading");
  const chat = await loadChat(options, made, row);
  progress("prefill");
  for (const chunk of [WHOLE, 64])
    row(`prefill${sizes.prompt} by ${chunk}`, await prefill(chat, sizes, chunk));
  for (const after of sizes.after) {
    progress(`decode after ${after}`);
    row(`decode${sizes.written} after ${after}`, await decode(chat, sizes, after));
  }
}

async function loadChat(options, made, row) {
  const start = now();
  const wasm = await startBuild(options.dist, "gpu");
  const device = await openGpu(wasm);
  const files = readFiles(wasm, { "model.gguf": made.file });
  const read = now();
  const model = await orFault(device, wasm.ChatModel.load(device, files, WINDOW));
  row("load", {
    file_mb: statSync(made.file).size / 1e6,
    start_and_read_ms: read - start,
    load_ms: now() - read,
    cold_pipelines: measured().pipelines,
  });
  return { device, model, made, seed: 0 };
}

/** Begins an answer to a prompt of `tokens` tokens that no session has read; `step` does a step. */
function begin(chat, tokens, maxTokens) {
  const messages = [{ role: "user", content: promptOf(tokens, chat.seed++) }];
  const counted = chat.model.count(messages, true);
  if (counted !== tokens) throw new Error(`the prompt has ${counted} tokens, not ${tokens}`);
  const session = chat.model.session();
  const job = chat.model.plan(messages, { generate: true, temperature: 0, maxTokens });
  const step = (chunk) => orFault(chat.device, job.step(chat.model, session, chunk));
  const end = () => {
    job.free();
    session.free();
  };
  return { step, end };
}

/** One step, with its time and what was asked of the GPU meanwhile. */
async function timedStep(step, chunk) {
  const before = measured();
  const start = now();
  const result = await step(chunk);
  return { result, ms: now() - start, ...measured(before) };
}

/** Reads a prompt up to the first token of the answer. */
async function read(chat, tokens, chunk) {
  const { step, end } = begin(chat, tokens, 1);
  const [start, before] = [now(), measured()];
  for (let kind = "prefill"; kind === "prefill"; ) ({ kind } = await step(chunk));
  const record = { ms: now() - start, ...measured(before) };
  end();
  return record;
}

async function prefill(chat, { prompt, samples }, chunk) {
  const cold = await read(chat, prompt, chunk);
  const records = await repeat(samples, 20_000, () => read(chat, prompt, chunk));
  const flops = prefillFlops(chat.made.shape, prompt);
  return {
    tokens_per_s: summary(records.map(({ ms }) => (prompt / ms) * 1000)),
    flops_per_s: (flops / median(records.map(({ ms }) => ms))) * 1000,
    cold_ms: cold.ms,
    cold_pipelines: cold.pipelines,
    ...medians(records),
  };
}

/** The first step of writing, then `written` more: medians of a step over all runs. */
async function decode(chat, { written, samples }, after) {
  const runs = [];
  await repeat(samples, 30_000, async () => runs.push(await write(chat, after, written)));
  const [cold, ...warm] = runs;
  const steps = warm.flat();
  const ms = medians(steps).ms;
  const { made } = chat;
  const bytes = made.weightBytes + cacheBytes(made.shape, after + written / 2);
  return {
    tokens_per_s: summary(warm.map((run) => (run.length / sum(run.map((step) => step.ms))) * 1000)),
    bytes_per_s: (bytes / ms) * 1000,
    cold_ms: cold[0].ms,
    cold_pipelines: sum(cold.map((step) => step.pipelines)),
    ...medians(steps),
  };
}

async function write(chat, after, written) {
  const { step, end } = begin(chat, after, written + 2);
  for (let kind = "prefill"; kind === "prefill"; ) ({ kind } = await step(WHOLE));
  const steps = [];
  for (let token = 0; token < written; token += 1) {
    const { result, ...record } = await timedStep(step, WHOLE);
    if (result.kind !== "text") throw new Error(`the answer ended after ${token} tokens: ${result.reason}`);
    steps.push(record);
  }
  end();
  return steps;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
