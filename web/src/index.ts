/**
 * Private AI inference inside the browser. Nothing that is given to this package leaves the device.
 *
 * Units are bytes, tokens and milliseconds; vectors and their numbers are f32. What fails rejects with an
 * {@link InglenookError}, whose codes are listed under {@link ErrorCode}; what is aborted, with the signal's reason.
 *
 * @packageDocumentation
 */
export {
  type Availability,
  Embedder,
  type EmbedderOptions,
  type EmbedderSource,
  type EmbedOptions,
} from "./embedder.js";
export type { Embeddings } from "./embeddings.js";
export type { ErrorCode } from "./error-code.js";
export { InglenookError } from "./errors.js";
export {
  install,
  LanguageModel,
  type LanguageModelAppendOptions,
  type LanguageModelCreateCoreOptions,
  type LanguageModelCreateOptions,
  type LanguageModelExpected,
  type LanguageModelMessage,
  type LanguageModelMessageContent,
  type LanguageModelMessageType,
  type LanguageModelMetrics,
  type LanguageModelPrompt,
  type LanguageModelPromptOptions,
  type LanguageModelSampling,
  type LanguageModelSamplingMode,
} from "./language-model.js";
export type { ModelFile, ModelManifest } from "./manifest.js";
export type {
  CreateMonitor,
  DownloadProgressEvent,
  LoadProgressEvent,
  StorageErrorEvent,
} from "./monitor.js";
export { type OfflineOptions, type OfflineSite, type OfflineUpdate, offline } from "./offline.js";
export type {
  Provenance,
  ProvenanceAdapter,
  ProvenanceBuild,
  ProvenanceDevice,
  ProvenanceSignature,
} from "./provenance.js";
export { similarity } from "./similarity.js";
export { type ModelName, models, type StoredModel, type StoreEstimate } from "./stored-models.js";
export { type SearchHit, VectorIndex, type VectorIndexOptions } from "./vector-index.js";
export type {
  DeviceChoice,
  DeviceKind,
  EmbedderDtype,
  EmbedderDtypeChoice,
  EmbedProgress,
  Fallback,
  FallbackReason,
} from "./worker/protocol.js";
