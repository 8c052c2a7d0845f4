// transformers.js with its feature-extraction pipeline, in its default build of onnxruntime-web.
import { serve } from "./serve.js";

const PACKAGE = "/modules/@huggingface/transformers";
const RUNTIME = `${PACKAGE}/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify`;

let extract;

async function load({ model, device, dtype, threads }) {
  const { env, pipeline } = await import(`${PACKAGE}/dist/transformers.min.js`);
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = "/peers/";
  const absolute = (suffix) => new URL(`${RUNTIME}.${suffix}`, location.href).href;
  env.backends.onnx.wasm.wasmPaths = { mjs: absolute("mjs"), wasm: absolute("wasm") };
  env.backends.onnx.wasm.numThreads = threads;
  const options = { dtype: dtype === "q8" ? "q8" : "fp32", device: device === "webgpu" ? "webgpu" : "wasm" };
  extract = await pipeline("feature-extraction", model, options);
}

async function embed(texts) {
  const output = await extract(texts, { pooling: "mean", normalize: true });
  const [rows, width] = output.dims;
  const vectors = Array.from({ length: rows }, (_, row) => output.data.slice(row * width, (row + 1) * width));
  output.dispose();
  return vectors;
}

serve({ load, embed });
