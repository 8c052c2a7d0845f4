// By name, so that the rest of the manifests is not bundled.
import {
  contextWindow as smolContextWindow,
  files as smolFiles,
  id as smolId,
} from "../../models/manifests/smollm2-135m-instruct.json";
import type { ModelManifest } from "./manifest.js";

/** The bundled language models; the first one is the default. */
export const CHAT_MODELS: readonly ModelManifest[] = [
  { id: smolId, files: smolFiles, contextWindow: smolContextWindow },
];
