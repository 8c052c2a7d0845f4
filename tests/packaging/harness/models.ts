import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelManifest } from "../../../web/src/index.js";
import { ROOT } from "../../../web/stage.mjs";
import { manifestOf, tinyGguf } from "../../browser/harness/models.js";
import type { App } from "./app.js";

/** The tiny chat model, relative to the app. */
export const CHAT_FILE = "models/tiny.gguf";

/** Puts the tiny models into the app's `models/`; returns the manifest of the one that embeds. */
export function putModels(app: App): ModelManifest {
  const files = tinyGguf();
  const model = manifestOf("tiny", files);
  mkdirSync(app.path("models", model.id), { recursive: true });
  for (const [path, bytes] of Object.entries(files)) writeFileSync(app.path("models", model.id, path), bytes);
  cpSync(join(ROOT, "tests/golden/tiny-llama/model-q8_0.gguf"), app.path(CHAT_FILE));
  return model;
}
