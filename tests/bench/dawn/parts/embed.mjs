// The encoder on the GPU.
import { opened, openGpu, orFault, readFiles, startBuild } from "../bindings.mjs";
import { installWebGpu } from "../globals.mjs";
import { installMeter, measured, uncounted } from "../meter.mjs";
import { encoderFlops, makeEncoder } from "../models/encoder.mjs";
import { busyMs } from "../pass-times.mjs";
import { now, repeat, summary } from "../samples.mjs";
import { encoderCases, keepVectors } from "./texts.mjs";

export async function run({ options, progress, row }) {
  progress("weights");
  const made = makeEncoder(options.folder, options.tiny);
  const { cases, samples } = encoderCases(options.tiny);
  installWebGpu(options.dawn);
  installMeter();
  progress("loading");
  const engine = await loadEncoder(options, made, row);
  for (const wanted of cases) {
    progress(wanted.name);
    row(wanted.name, await measure(engine, wanted, samples, made.config));
    keepVectors(made.folder, wanted.name, (await embed(engine, wanted.texts)).vectors);
  }
}

async function loadEncoder(options, made, row) {
  const start = now();
  const wasm = await startBuild(options.dist, "gpu");
  const device = await openGpu(wasm);
  const files = readFiles(wasm, made.files);
  const read = now();
  const embedder = await orFault(
    device,
    wasm.TextEmbedder.load(device, files, "f32", undefined, () => {}),
  );
  row("load", {
    start_and_read_ms: read - start,
    load_ms: now() - read,
    cold_pipelines: measured().pipelines,
  });
  return { device, embedder };
}

async function measure(engine, { texts, tokens, batch }, samples, config) {
  const cold = await embed(engine, texts);
  const records = await uncounted(() => repeat(samples, 15_000, () => embed(engine, texts)));
  const { vectors: _, ...counted } = await embed(engine, texts);
  const ms = summary(records.map((record) => record.ms));
  return {
    ...counted,
    ms,
    busy_ms: await busyMs(opened, () => embed(engine, texts)),
    flops_per_s: (encoderFlops(config, batch, tokens) / ms.median) * 1000,
    cold_ms: cold.ms,
    cold_pipelines: cold.pipelines,
  };
}

/** From texts to vectors, with the time and what was asked of the GPU meanwhile. */
async function embed({ device, embedder }, texts) {
  const [start, before] = [now(), measured()];
  const job = embedder.plan(texts);
  while (!job.done()) await orFault(device, job.step(embedder));
  const vectors = job.vectors();
  job.free();
  return { vectors, ms: now() - start, ...measured(before) };
}
