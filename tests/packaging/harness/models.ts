import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelManifest } from "../../../web/src/index.js";
import { ROOT } from "../../../web/stage.mjs";
import { manifestOf, tinyGguf } from "../../browser/harness/models.js";
import { bundleOf, ed25519, hashOf, type Keys, onCurve, statementOf } from "../../unit/signature/make.js";
import type { App } from "./app.js";

/** The tiny chat model, relative to where the models were put. */
export const CHAT_FILE = "models/tiny.gguf";

const CHAT_BYTES = readFileSync(join(ROOT, "tests/golden/tiny-llama/model-q8_0.gguf"));
const KEYS = ed25519();

/** For browsers without Ed25519. */
export const CURVE_KEYS = onCurve("prime256v1");

/** The signature beside the chat model, and the key to that. */
export const CHAT_SIGNATURE = signature(KEYS);
export const CHAT_KEY = KEYS.pem;

function signature(keys: Keys): Buffer {
  return Buffer.from(JSON.stringify(bundleOf(statementOf([["tiny.gguf", hashOf(CHAT_BYTES)]]), keys)));
}

/**
 * Puts the tiny models into `models/` of the app, or of a folder in it, the one that chats signed with `keys`; returns the
 * manifest of the one that embeds.
 */
export function putModels(app: App, { folder = "", keys = KEYS } = {}): ModelManifest {
  const files = tinyGguf();
  const model = manifestOf("tiny", files);
  const own = app.path(folder, "models", model.id);
  mkdirSync(own, { recursive: true });
  for (const [path, bytes] of Object.entries(files)) writeFileSync(join(own, path), bytes);
  writeFileSync(app.path(folder, CHAT_FILE), CHAT_BYTES);
  writeFileSync(app.path(folder, "models/model.sig"), signature(keys));
  return model;
}
