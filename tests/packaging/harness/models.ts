import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelManifest } from "../../../web/src/index.js";
import { ROOT } from "../../../web/stage.mjs";
import { manifestOf, tinyGguf } from "../../browser/harness/models.js";
import { bundleOf, ed25519, hashOf, statementOf } from "../../unit/signature/make.js";
import type { App } from "./app.js";

/** The tiny chat model, relative to the app. */
export const CHAT_FILE = "models/tiny.gguf";

const keys = ed25519();
const CHAT_BYTES = readFileSync(join(ROOT, "tests/golden/tiny-llama/model-q8_0.gguf"));

/** The signature beside it, and the key to that. */
export const CHAT_SIGNATURE = Buffer.from(
  JSON.stringify(bundleOf(statementOf([["tiny.gguf", hashOf(CHAT_BYTES)]]), keys)),
);
export const CHAT_KEY = keys.pem;

/** Puts the tiny models into the app's `models/`; returns the manifest of the one that embeds. */
export function putModels(app: App): ModelManifest {
  const files = tinyGguf();
  const model = manifestOf("tiny", files);
  mkdirSync(app.path("models", model.id), { recursive: true });
  for (const [path, bytes] of Object.entries(files)) writeFileSync(app.path("models", model.id, path), bytes);
  writeFileSync(app.path(CHAT_FILE), CHAT_BYTES);
  writeFileSync(app.path("models/model.sig"), CHAT_SIGNATURE);
  return model;
}
