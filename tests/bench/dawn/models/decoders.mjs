// Decoders of the right shapes, with weights and a vocabulary that mean nothing.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { RandomBlocks, randomVector } from "./blocks.mjs";
import { bytesOf, writeGguf } from "./gguf.mjs";
import { randomBits } from "./random.mjs";

const SMOLLM2 = {
  architecture: "llama",
  hidden: 576,
  layers: 30,
  heads: 9,
  keyValueHeads: 3,
  headDim: 64,
  inner: 1536,
  vocabulary: 49_152,
  theta: 100_000,
};

/** The published models' shapes; all use the embedding table as the head, too. */
export const DECODERS = {
  "smollm2-135m": SMOLLM2,
  "qwen2.5-0.5b": {
    architecture: "qwen2",
    hidden: 896,
    layers: 24,
    heads: 14,
    keyValueHeads: 2,
    headDim: 64,
    inner: 4864,
    vocabulary: 151_936,
    theta: 1_000_000,
  },
  "llama-3.2-1b": {
    architecture: "llama",
    hidden: 2048,
    layers: 16,
    heads: 32,
    keyValueHeads: 8,
    headDim: 64,
    inner: 8192,
    vocabulary: 128_256,
    theta: 500_000,
  },
  /** For trying the benchmark, not for measuring. */
  tiny: { ...SMOLLM2, hidden: 128, layers: 2, heads: 2, keyValueHeads: 1, inner: 256, vocabulary: 1024 },
};

const CONTEXT = 4096;

/**
 * Writes the decoder into `folder`, unless it is there: `{ file, shape, weightBytes }`. The bytes are those that a token
 * needs: every matrix is read once, the embedding table as the head.
 */
export function makeDecoder(folder, name, dtype) {
  const shape = DECODERS[name];
  const tensors = tensorsOf(shape, dtype);
  const file = join(folder, `${name}.${dtype}.gguf`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file)) writeGguf(file, metadataOf(name, shape), tensors);
  return { file, shape, weightBytes: tensors.reduce((sum, tensor) => sum + bytesOf(tensor), 0) };
}

/** A prompt of exactly `tokens` tokens: each letter is one, since the vocabulary has no merges. */
export function promptOf(tokens, seed) {
  const bits = randomBits(seed + 1);
  return Array.from({ length: tokens }, () => String.fromCharCode(97 + (bits() % 26))).join("");
}

/** The bytes of the cache that a token reads after `position` others: keys and values of all layers in F32. */
export function cacheBytes(shape, position) {
  return 2 * 4 * shape.layers * shape.keyValueHeads * shape.headDim * position;
}

/** The floating-point operations of reading `tokens` tokens of which the last one's logits are computed. */
export function prefillFlops(shape, tokens) {
  const { hidden, layers, heads, keyValueHeads, headDim, inner, vocabulary } = shape;
  const projections = hidden * headDim * (2 * heads + 2 * keyValueHeads);
  const matrices = layers * (projections + 3 * hidden * inner);
  const attention = layers * heads * headDim * tokens * tokens;
  return 2 * (matrices * tokens + attention + hidden * vocabulary);
}

function tensorsOf(shape, dtype) {
  const { hidden, layers, vocabulary } = shape;
  const blocks = new RandomBlocks(dtype);
  const tensors = [blocks.matrix("token_embd.weight", vocabulary, hidden)];
  for (let layer = 0; layer < layers; layer += 1) tensors.push(...layerOf(`blk.${layer}`, shape, blocks));
  return [...tensors, randomVector("output_norm.weight", hidden, 1)];
}

function layerOf(layer, shape, blocks) {
  const { architecture, hidden, heads, keyValueHeads, headDim, inner } = shape;
  const attention = {
    attn_q: heads * headDim,
    attn_k: keyValueHeads * headDim,
    attn_v: keyValueHeads * headDim,
  };
  const parts = Object.entries(attention);
  const bias = ([part, rows]) => randomVector(`${layer}.${part}.bias`, rows, 0);
  return [
    randomVector(`${layer}.attn_norm.weight`, hidden, 1),
    ...parts.map(([part, rows]) => blocks.matrix(`${layer}.${part}.weight`, rows, hidden)),
    ...(architecture === "qwen2" ? parts.map(bias) : []),
    blocks.matrix(`${layer}.attn_output.weight`, hidden, heads * headDim),
    randomVector(`${layer}.ffn_norm.weight`, hidden, 1),
    blocks.matrix(`${layer}.ffn_gate.weight`, inner, hidden),
    blocks.matrix(`${layer}.ffn_up.weight`, inner, hidden),
    blocks.matrix(`${layer}.ffn_down.weight`, hidden, inner),
  ];
}

function metadataOf(name, shape) {
  const { architecture } = shape;
  const size = ([key, value]) => [`${architecture}.${key}`, "u32", value];
  const sizes = {
    embedding_length: shape.hidden,
    block_count: shape.layers,
    feed_forward_length: shape.inner,
    context_length: CONTEXT,
    "attention.head_count": shape.heads,
    "attention.head_count_kv": shape.keyValueHeads,
    "attention.key_length": shape.headDim,
    "attention.value_length": shape.headDim,
  };
  return [
    ["general.architecture", "text", architecture],
    ["general.name", "text", name],
    ...Object.entries(sizes).map(size),
    [`${architecture}.attention.layer_norm_rms_epsilon`, "f32", 1e-5],
    [`${architecture}.rope.freq_base`, "f32", shape.theta],
    ...tokenizerOf(shape),
  ];
}

/** No token ends an answer, and the template adds none. */
function tokenizerOf({ vocabulary }) {
  const bytes = byteTokens();
  const words = Array.from({ length: vocabulary - bytes.length }, (_, at) => `w${at}`);
  return [
    ["tokenizer.ggml.model", "text", "gpt2"],
    ["tokenizer.ggml.pre", "text", "gpt-2"],
    ["tokenizer.ggml.tokens", "texts", [...bytes, ...words]],
    ["tokenizer.ggml.merges", "texts", []],
    ["tokenizer.chat_template", "text", "{% for message in messages %}{{ message['content'] }}{% endfor %}"],
  ];
}

/** The character with which GPT-2's vocabulary writes each byte. */
function byteTokens() {
  const prints = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let other = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : other++));
}
