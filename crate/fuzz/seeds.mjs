/** Writes what the fuzzers begin with into corpus/: goldens, small enough to be changed in interesting places. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const GOLDENS = join(HERE, "../../tests/golden");

/** Room for the metadata of each of them. */
const HEAD_BYTES = 10_000;
const GGUF = [
  "tiny-llama/model-q4_1.gguf",
  "tiny-qwen2/model-f32.gguf",
  "tiny-gemma3-softcap/model-q8_0.gguf",
  "tiny-bert-cls/model-q8_0.gguf",
];

function seed(target, name, bytes) {
  const directory = join(HERE, "corpus", target);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), bytes);
}

for (const path of GGUF) {
  const head = readFileSync(join(GOLDENS, path)).subarray(0, HEAD_BYTES);
  head.writeBigUInt64LE(0n, 8); // no tensors
  seed("gguf", path.replace("/", "-"), head);
}

/** A GGUF file without metadata: names of tensors, their sizes, the codes of their types, their bytes. */
function gguf(tensors) {
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 31)]);
  const parts = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(0)];
  const data = [];
  for (const [name, sizes, code, bytes] of tensors) {
    parts.push(u64(name.length), Buffer.from(name), u32(sizes.length), ...sizes.map(u64), u32(code));
    parts.push(u64(Buffer.concat(data).length));
    data.push(padded(Buffer.alloc(bytes, 0x3c)));
  }
  return Buffer.concat([padded(Buffer.concat(parts)), ...data]);
}

seed(
  "gguf",
  "dense",
  gguf([
    ["a", [2, 3], 0, 24],
    ["b", [4], 1, 8],
    ["c", [4], 30, 8],
  ]),
); // F32, F16, BF16
seed(
  "gguf",
  "flat",
  gguf([
    ["a", [32, 2], 2, 36],
    ["b", [32], 8, 34],
    ["c", [32], 7, 24],
  ]),
); // Q4_0, Q8_0, Q5_1
seed(
  "gguf",
  "super",
  gguf([
    ["a", [256], 12, 144],
    ["b", [256], 14, 210],
    ["c", [256], 11, 110],
  ]),
); // Q4_K, Q6_K, Q3_K

const header = JSON.stringify({
  one: { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] },
  two: { dtype: "BF16", shape: [4], data_offsets: [16, 24] },
});
const length = Buffer.alloc(8);
length.writeBigUInt64LE(BigInt(header.length));
seed("safetensors", "two", Buffer.concat([length, Buffer.from(header), Buffer.alloc(24)]));

const templates = join(GOLDENS, "chat-templates");
for (const file of readdirSync(templates)) {
  const { template } = JSON.parse(readFileSync(join(templates, file), "utf8"));
  if (typeof template === "string") seed("template", file.replace(".json", ".jinja"), template);
}
