// onnxruntime-web as an application writes it: its tokenizer, one session, pooling in JavaScript.
import { serve } from "./serve.js";

const RUNTIME = "/modules/onnxruntime-web/dist/";
const TOKENIZERS = "/modules/@huggingface/tokenizers/dist/tokenizers.min.mjs";

let ort;
let tokenizer;
let session;

async function load({ model, device, dtype, threads }) {
  const folder = `/peers/${model}`;
  const gpu = device === "webgpu";
  const bundle = gpu ? "ort.webgpu.bundle.min.mjs" : "ort.wasm.bundle.min.mjs";
  const json = (name) => fetch(`${folder}/${name}`).then((response) => response.json());
  const [runtime, { Tokenizer }, vocabulary, config] = await Promise.all([
    import(`${RUNTIME}${bundle}`),
    import(TOKENIZERS),
    json("tokenizer.json"),
    json("tokenizer_config.json"),
  ]);
  ort = runtime;
  ort.env.wasm.wasmPaths = new URL(RUNTIME, location.href).href;
  ort.env.wasm.numThreads = threads;
  tokenizer = new Tokenizer(vocabulary, config);
  const executionProviders = [gpu ? "webgpu" : "wasm"];
  const file = dtype === "q8" ? "model_quantized.onnx" : "model.onnx";
  session = await ort.InferenceSession.create(`${folder}/onnx/${file}`, { executionProviders });
}

async function embed(texts) {
  const rows = texts.map((text) => tokenizer.encode(text).ids);
  const length = Math.max(...rows.map((ids) => ids.length));
  const { last_hidden_state: hidden } = await session.run(feeds(rows, length));
  const vectors = rows.map((ids, row) => pool(hidden.data, row * length, ids.length, hidden.dims[2]));
  hidden.dispose();
  return vectors;
}

function feeds(rows, length) {
  const size = rows.length * length;
  const [ids, mask, types] = [0, 0, 0].map(() => new BigInt64Array(size));
  rows.forEach((row, index) => {
    row.forEach((id, at) => {
      ids[index * length + at] = BigInt(id);
      mask[index * length + at] = 1n;
    });
  });
  const tensor = (data) => new ort.Tensor("int64", data, [rows.length, length]);
  return { input_ids: tensor(ids), attention_mask: tensor(mask), token_type_ids: tensor(types) };
}

/** The mean of `tokens` rows of `width` floats from row `first`, at unit length. */
function pool(data, first, tokens, width) {
  const vector = new Float32Array(width);
  for (let token = first; token < first + tokens; token += 1) {
    const start = token * width;
    for (let at = 0; at < width; at += 1) vector[at] += data[start + at];
  }
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

serve({ load, embed });
