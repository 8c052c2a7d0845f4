// By name, so that the rest of the manifests is not bundled.
import {
  contextWindow as gemmaContextWindow,
  files as gemmaFiles,
  id as gemmaId,
} from "../../models/manifests/gemma-3-270m.json";
import {
  contextWindow as qwenContextWindow,
  files as qwenFiles,
  id as qwenId,
} from "../../models/manifests/qwen2.5-coder-0.5b-instruct.json";
import {
  contextWindow as smolContextWindow,
  files as smolFiles,
  id as smolId,
} from "../../models/manifests/smollm2-135m-instruct.json";
import type { ModelManifest } from "./manifest.js";

/** The bundled language models; the first one is the default. */
export const CHAT_MODELS: readonly ModelManifest[] = [
  { id: smolId, files: smolFiles, contextWindow: smolContextWindow },
  { id: qwenId, files: qwenFiles, contextWindow: qwenContextWindow },
  { id: gemmaId, files: gemmaFiles, contextWindow: gemmaContextWindow },
];
