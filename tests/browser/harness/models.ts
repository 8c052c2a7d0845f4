import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelManifest } from "../../../web/src/index.js";
import { ROOT } from "../../../web/stage.mjs";
import { type Reply, whole } from "./replies.js";
import type { TestServer } from "./server.js";

/** A model's files by their path. */
export type Files = Record<string, Uint8Array>;

const FOLDER = [
  "config.json",
  "modules.json",
  "sentence_bert_config.json",
  "1_Pooling/config.json",
  "tokenizer.json",
];

const golden = (name: string, path: string) => readFileSync(join(ROOT, "tests/golden", name, path));

/** A tiny BERT of `tests/golden/` in the sentence-transformers layout, `weights` being its safetensors file. */
export function tinyFolder(name = "tiny-bert-cls", weights = "model.safetensors"): Files {
  const parts = FOLDER.map((path) => [path, golden(name, path)] as const);
  return Object.fromEntries([...parts, ["model.safetensors", golden(name, weights)]]);
}

/** A tiny BERT as one GGUF file. */
export function tinyGguf(weights = "model-f32.gguf"): Files {
  return { "model.gguf": golden("tiny-bert-cls", weights) };
}

/** The manifest that describes exactly these bytes; of a GGUF file also by its pieces, as a browser checks large files. */
export function manifestOf(id: string, files: Files): ModelManifest {
  const described = Object.entries(files).map(([path, content]) => ({
    path,
    bytes: content.length,
    sha256: sha256(content).toString("hex"),
    ...(path.endsWith(".gguf") && { piecesSha256: piecesSha256(content) }),
  }));
  return { id, files: described };
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

const PIECE = 2 ** 18;

function piecesSha256(bytes: Uint8Array): string {
  const hashes = [];
  for (let at = 0; at < bytes.length; at += PIECE) hashes.push(sha256(bytes.subarray(at, at + PIECE)));
  return sha256(Buffer.concat(hashes)).toString("hex");
}

/**
 * Puts a model on the server and returns its manifest; `replies` are how some of its files are answered instead.
 *
 * No two hosted models share a folder, but files of the same content share their place in a browser's cache.
 */
export function hostModel(
  server: TestServer,
  files: Files,
  replies: Record<string, Reply> = {},
): ModelManifest {
  const manifest = manifestOf(`hosted-${hosted++}`, files);
  for (const [path, content] of Object.entries(files)) {
    server.answer(`/models/${manifest.id}/${path}`, replies[path] ?? whole(content));
  }
  return manifest;
}

let hosted = 0;
