// The smallest decoder on the CPU, on one thread and on several, for the ratio to the GPU.
import { availableParallelism } from "node:os";
import { readFiles, startBuild } from "../bindings.mjs";
import { read, WHOLE, WINDOW, write } from "../conversation.mjs";
import { makeDecoder } from "../models/decoders.mjs";
import { median, repeat, summary } from "../samples.mjs";
import { startThreads } from "../threads.mjs";
import { chatSizes } from "./sizes.mjs";

/** As many as the package takes at most. */
const THREADS = Math.min(8, availableParallelism());

export async function run({ options, model: name, progress, row }) {
  const sizes = chatSizes(options.tiny);
  progress(`weights, ${options.dtype}`);
  const made = makeDecoder(options.folder, options.tiny ? "tiny" : name, options.dtype);
  for (const threads of [1, THREADS]) {
    progress(`${threads} of ${availableParallelism()} threads`);
    const wasm = await startBuild(options.dist, threads > 1 ? "cpu_threads" : "cpu_relaxed");
    if (threads > 1) startThreads(wasm, options.dist, threads - 1);
    const device = wasm.Device.cpu();
    const model = await wasm.ChatModel.load(
      device,
      readFiles(wasm, { "model.gguf": made.file }),
      WINDOW,
      () => {},
    );
    await measure({ model, device }, sizes, threads, row);
    if (THREADS === 1) break;
  }
}

async function measure(chat, { prompt, written, after, samples }, threads, row) {
  const reads = await repeat(samples, 12_000, () => read(chat, prompt, WHOLE));
  row(`prefill${prompt}, ${threads} threads`, {
    tokens_per_s: summary(reads.map(({ ms }) => (prompt / ms) * 1000)),
    ms: median(reads.map(({ ms }) => ms)),
  });
  const steps = (await repeat(1, 0, () => write(chat, after[0], written))).flat();
  const ms = median(steps.map((step) => step.ms));
  row(`decode${written} after ${after[0]}, ${threads} threads`, { tokens_per_s: 1000 / ms, ms });
}
