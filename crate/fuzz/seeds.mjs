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
