// onnxruntime-web's WebGPU provider on the same device, with the same weights.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { exportOnnx, TORCH } from "../../embed/onnx.mjs";
import { MODULES } from "../../paths.mjs";
import { installWebGpu } from "../globals.mjs";
import { installMeter, measured, uncounted } from "../meter.mjs";
import { encoderFlops, makeEncoder } from "../models/encoder.mjs";
import { now, repeat, summary } from "../samples.mjs";
import { acceptSharedMemory } from "../shared-memory.mjs";
import { encoderCases, leastCosine } from "./texts.mjs";

export async function run({ options, progress, row }) {
  const made = makeEncoder(options.folder, options.tiny);
  const { cases, samples, tokenizer } = encoderCases(options.tiny);
  progress("export");
  const onnx = join(made.folder, "model.onnx");
  const reason = exportOnnx(made.folder, [onnx], TORCH);
  if (reason) throw new Error(reason);
  installWebGpu(options.dawn);
  acceptSharedMemory();
  installMeter();
  progress("loading");
  const engine = { ...(await openSession(onnx, row)), tokenizer };
  for (const wanted of cases) {
    progress(wanted.name);
    row(wanted.name, await measure(engine, wanted, samples, made));
  }
}

async function openSession(onnx, row) {
  const folder = join(MODULES, "onnxruntime-web/dist");
  const bundle = join(folder, "ort.webgpu.bundle.min.mjs");
  if (!existsSync(bundle)) throw new Error("onnxruntime-web is not installed");
  const start = now();
  const ort = await import(pathToFileURL(bundle).href);
  ort.env.wasm.wasmPaths = pathToFileURL(`${folder}/`).href;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(readFileSync(onnx), { executionProviders: ["webgpu"] });
  row("load", { load_ms: now() - start, cold_pipelines: measured().pipelines });
  return { ort, session };
}

async function measure(engine, { name, texts, tokens, batch }, samples, { folder, config }) {
  const cold = await embed(engine, texts);
  const records = await uncounted(() => repeat(samples, 15_000, () => embed(engine, texts)));
  const { vectors: _, ...counted } = await embed(engine, texts);
  const ms = summary(records.map((record) => record.ms));
  return {
    ...counted,
    ms,
    run_ms: summary(records.map((record) => record.run_ms)),
    flops_per_s: (encoderFlops(config, batch, tokens) / ms.median) * 1000,
    cold_ms: cold.ms,
    cold_pipelines: cold.pipelines,
    cosine: leastCosine(folder, name, cold.vectors, config.hidden_size),
  };
}

/** From texts of one length to vectors, as an application writes it; `run_ms` is the time of the model alone. */
async function embed({ ort, session, tokenizer }, texts) {
  const [start, before] = [now(), measured()];
  const rows = texts.map((text) => tokenizer.encode(text).ids);
  const inputs = feeds(ort, rows);
  const ran = now();
  const { last_hidden_state: hidden } = await session.run(inputs);
  const run_ms = now() - ran;
  const vectors = pool(hidden.data, rows.length, rows[0].length, hidden.dims[2]);
  hidden.dispose();
  return { vectors, ms: now() - start, run_ms, ...measured(before) };
}

function feeds(ort, rows) {
  const dims = [rows.length, rows[0].length];
  const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values), dims);
  const ids = rows.flat().map(BigInt);
  return {
    input_ids: tensor(ids),
    attention_mask: tensor(ids.map(() => 1n)),
    token_type_ids: tensor(ids.map(() => 0n)),
  };
}

/** The mean of each text's `tokens` rows of `width` numbers, at unit length. */
function pool(data, texts, tokens, width) {
  const vectors = new Float32Array(texts * width);
  for (let text = 0; text < texts; text += 1) {
    const vector = vectors.subarray(text * width, (text + 1) * width);
    for (let token = text * tokens; token < (text + 1) * tokens; token += 1) {
      for (let at = 0; at < width; at += 1) vector[at] += data[token * width + at];
    }
    const norm = Math.hypot(...vector);
    for (let at = 0; at < width; at += 1) vector[at] /= norm;
  }
  return vectors;
}
