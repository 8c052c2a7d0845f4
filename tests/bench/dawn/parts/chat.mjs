// A decoder on the GPU: reading a prompt, and writing token by token.
import { statSync } from "node:fs";
import { opened, openGpu, orFault, readFiles, startBuild } from "../bindings.mjs";
import { read, WHOLE, WINDOW, write } from "../conversation.mjs";
import { installWebGpu } from "../globals.mjs";
import { installMeter, measured, uncounted } from "../meter.mjs";
import { cacheBytes, makeDecoder, prefillFlops } from "../models/decoders.mjs";
import { busyMs } from "../pass-times.mjs";
import { median, medians, now, repeat, summary } from "../samples.mjs";
import { chatSizes } from "./sizes.mjs";

/** Tokens of a step: all, and as many as a page's first step reads. */
const CHUNKS = [WHOLE, 64];

export async function run({ options, model: name, progress, row }) {
  const sizes = chatSizes(options.tiny);
  progress(`weights, ${options.dtype}`);
  const made = makeDecoder(options.folder, options.tiny ? "tiny" : name, options.dtype);
  installWebGpu(options.dawn, options.packedDots);
  installMeter();
  progress("loading");
  const chat = await loadChat(options, made, row);
  for (const chunk of CHUNKS) {
    progress(`prefill by ${chunk}`);
    row(`prefill${sizes.prompt} by ${chunk}`, await prefill(chat, sizes, chunk));
  }
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
  const loading = now();
  const model = await orFault(
    device,
    wasm.ChatModel.load(device, files, WINDOW, () => {}),
  );
  row("load", {
    file_mb: statSync(made.file).size / 1e6,
    start_and_read_ms: loading - start,
    load_ms: now() - loading,
    cold_pipelines: measured().pipelines,
  });
  return { device, model, made };
}

async function prefill(chat, { prompt, samples }, chunk) {
  const cold = await read(chat, prompt, chunk);
  const records = await uncounted(() => repeat(samples, 15_000, () => read(chat, prompt, chunk)));
  const ms = median(records.map((record) => record.ms));
  return {
    ...(await read(chat, prompt, chunk)),
    busy_ms: await busyMs(opened, () => read(chat, prompt, chunk)),
    ms,
    tokens_per_s: summary(records.map((record) => (prompt / record.ms) * 1000)),
    flops_per_s: (prefillFlops(chat.made.shape, prompt) / ms) * 1000,
    cold_ms: cold.ms,
    cold_pipelines: cold.pipelines,
  };
}

/** Medians of a step over all answers but the first, whose first step is the cold one. */
async function decode({ made, ...chat }, { written, samples }, after) {
  const cold = await write(chat, after, written);
  const answers = await uncounted(() => repeat(samples, 20_000, () => write(chat, after, written)));
  const { ms } = medians(answers.flat());
  const counted = medians(await write(chat, after, written));
  const bytes = made.weightBytes + cacheBytes(made.shape, after + written / 2);
  // What reads the prompt is taken off.
  const prompt = await busyMs(opened, () => write(chat, after, 0));
  const all = await busyMs(opened, () => write(chat, after, written));
  const busy_ms = all && (all - prompt) / written;
  return {
    ...counted,
    ms,
    busy_ms,
    busy_bytes_per_s: busy_ms && (bytes / busy_ms) * 1000,
    tokens_per_s: summary(answers.map((steps) => (written / sum(steps.map(({ ms }) => ms))) * 1000)),
    bytes_per_s: (bytes / ms) * 1000,
    cold_ms: cold[0].ms,
    cold_pipelines: sum(cold.map(({ pipelines }) => pipelines)),
  };
}

const sum = (values) => values.reduce((total, value) => total + value, 0);
