// By name, so that the rest of the manifest is not bundled.
import { files, id, maxTokens } from "../../models/manifests/all-minilm-l6-v2.json";
import type { ModelManifest } from "./manifest.js";

/** The embedding model in F32. */
export const MINILM_F32: ModelManifest = { id, files, maxTokens };
