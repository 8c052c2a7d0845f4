// By name, so that the rest of the manifest is not bundled.
import { files, id, maxTokens } from "../../models/manifests/all-minilm-l6-v2-q8_0.json";
import { InglenookError } from "./errors.js";
import type { ModelFile, ModelManifest } from "./manifest.js";
import { isHash, isPath } from "./manifest-values.js";
import type { DeviceChoice, EmbedderDtypeChoice } from "./worker/protocol.js";

const F32 = "all-minilm-l6-v2";

const BUNDLED: readonly ModelManifest[] = [
  { id, files, maxTokens },
  { id: F32, files: [] },
];

/** The manifest of an embedding model, as of `resolveModel`. That of the model in F32 is loaded when that is named. */
export async function resolveEmbedder(model?: string | ModelManifest): Promise<ModelManifest> {
  if (model !== F32) return resolveModel(model);
  const { MINILM_F32 } = await import("./minilm-f32.js");
  return { ...MINILM_F32 };
}

/**
 * The manifest of `model`: a name of one of `bundled`, or the application's own manifest, checked. The first of
 * `bundled` is the default.
 */
export function resolveModel(
  model?: string | ModelManifest,
  bundled: readonly ModelManifest[] = BUNDLED,
): ModelManifest {
  if (model === undefined) return { ...(bundled[0] as ModelManifest) };
  if (typeof model !== "string") return checked(model);
  const manifest = bundled.find(({ id }) => id === model);
  if (manifest) return { ...manifest };
  const names = bundled.map(({ id }) => id).join(", ");
  throw new InglenookError("unknown-model", `There is no model named "${model}"; there are ${names}.`, {
    detail: model,
  });
}

/** The address of a folder of models as an absolute URL that ends in a slash. */
export function resolveHost(modelHost: string | URL = "models/"): string {
  try {
    const url = new URL(modelHost, globalThis.document?.baseURI ?? location.href);
    if (!url.pathname.endsWith("/")) url.pathname += "/";
    return url.href;
  } catch (cause) {
    throw new InglenookError("invalid-input", `modelHost is no address: ${modelHost}.`, { cause });
  }
}

/** @throws {@link InglenookError} `invalid-input` where there is no such device */
export function checkDevice(device: DeviceChoice = "auto"): void {
  checkChoice("device", device, ["cpu", "webgpu"]);
}

/** @throws {@link InglenookError} `invalid-input` where there is no such dtype */
export function checkDtype(dtype: EmbedderDtypeChoice): void {
  checkChoice("dtype", dtype, ["f32", "q8"]);
}

function checkChoice(what: string, given: string, [one, other]: [string, string]): void {
  if (["auto", one, other].includes(given)) return;
  const message = `There is no ${what} "${given}": it is "auto", "${one}" or "${other}".`;
  throw new InglenookError("invalid-input", message);
}

const isLength = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isLimit = (value: unknown) => value === undefined || (isLength(value) && value !== 0);
const isFile = (file: Partial<ModelFile> | null) =>
  isPath(file?.path) &&
  isLength(file?.bytes) &&
  isHash(file?.sha256) &&
  (file?.piecesSha256 === undefined || isHash(file.piecesSha256));

/** The application's manifest, if it is sound, with nothing but what the worker reads. */
function checked(manifest: ModelManifest): ModelManifest {
  const { id, files, maxTokens, contextWindow } = Object(manifest) as ModelManifest;
  const isSound = isPath(id) && Array.isArray(files) && files.length > 0 && files.every(isFile);
  if (isSound && isLimit(maxTokens) && isLimit(contextWindow)) {
    const copies = files.map(({ path, bytes, sha256, piecesSha256 }) => ({
      path,
      bytes,
      sha256,
      piecesSha256,
    }));
    return { id, maxTokens, contextWindow, files: copies };
  }
  throw new InglenookError("invalid-input", "The model manifest is not well-formed.");
}
