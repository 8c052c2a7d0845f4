// all-MiniLM-L6-v2 with weights that mean nothing: its tokenizer and configuration, random tensors.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { WEIGHTS } from "../../paths.mjs";
import { randomFloats } from "./random.mjs";

export const MODEL = "all-minilm-l6-v2";
/** What is taken from the model as it is. */
const FILES = ["modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "tokenizer.json"];
const WEIGHT_FILE = "model.safetensors";

/** Makes the model in `folder`, unless it is there: `{ folder, files, config }`. */
export function makeEncoder(folder, tiny) {
  const target = join(folder, tiny ? "encoder-tiny" : "encoder");
  const source = join(WEIGHTS, MODEL);
  if (!existsSync(join(source, "tokenizer.json")))
    throw new Error(`its tokenizer is missing: npm run models -- ${MODEL}`);
  const config = JSON.parse(readFileSync(join(source, "config.json"), "utf8"));
  if (tiny) config.num_hidden_layers = 1;
  for (const name of FILES) {
    mkdirSync(dirname(join(target, name)), { recursive: true });
    copyFileSync(join(source, name), join(target, name));
  }
  writeFileSync(join(target, "config.json"), JSON.stringify(config));
  if (!existsSync(join(target, WEIGHT_FILE))) writeSafetensors(join(target, WEIGHT_FILE), tensorsOf(config));
  const names = [...FILES, "config.json", WEIGHT_FILE];
  return {
    folder: target,
    files: Object.fromEntries(names.map((name) => [name, join(target, name)])),
    config,
  };
}

/** The floating-point operations of embedding `texts` texts of `tokens` tokens. */
export function encoderFlops(
  { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers },
  texts,
  tokens,
) {
  const matrices = 4 * hidden * hidden + 2 * hidden * inner;
  const attention = 2 * hidden * tokens;
  return 2 * texts * tokens * layers * (matrices + attention);
}

/** Shapes by name. */
function tensorsOf({ hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers, ...config }) {
  const linear = (name, [rows, columns]) => ({
    [`${name}.weight`]: [rows, columns],
    [`${name}.bias`]: [rows],
  });
  const norm = (name) => ({ [`${name}.weight`]: [hidden], [`${name}.bias`]: [hidden] });
  const square = [hidden, hidden];
  const layer = (name) => ({
    ...linear(`${name}.attention.self.query`, square),
    ...linear(`${name}.attention.self.key`, square),
    ...linear(`${name}.attention.self.value`, square),
    ...linear(`${name}.attention.output.dense`, square),
    ...norm(`${name}.attention.output.LayerNorm`),
    ...linear(`${name}.intermediate.dense`, [inner, hidden]),
    ...linear(`${name}.output.dense`, [hidden, inner]),
    ...norm(`${name}.output.LayerNorm`),
  });
  return {
    "embeddings.word_embeddings.weight": [config.vocab_size, hidden],
    "embeddings.position_embeddings.weight": [config.max_position_embeddings, hidden],
    "embeddings.token_type_embeddings.weight": [config.type_vocab_size, hidden],
    ...norm("embeddings.LayerNorm"),
    ...Object.assign({}, ...Array.from({ length: layers }, (_, at) => layer(`encoder.layer.${at}`))),
  };
}

function writeSafetensors(file, shapes) {
  const [header, parts] = [{}, []];
  let [offset, seed] = [0, 1];
  for (const [name, shape] of Object.entries(shapes)) {
    const values = valuesOf(name, shape, seed++);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
    parts.push(new Uint8Array(values.buffer));
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(`${file}.part`, Buffer.concat([length, text, ...parts]));
  renameSync(`${file}.part`, file);
}

/** Sizes near those of trained models, so that softmax, GELU and norms have something to do. */
function valuesOf(name, shape, seed) {
  const count = shape.reduce((product, size) => product * size, 1);
  const isScale = name.endsWith("LayerNorm.weight");
  return randomFloats(count, { seed, centre: isScale ? 1 : 0, spread: shape.length === 2 ? 0.08 : 0.1 });
}
