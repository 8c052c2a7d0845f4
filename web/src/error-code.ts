// Generated from `ErrorCode` in crate/src/error.rs by `npm run build`. Do not edit.

/** What went wrong, as a word that never changes meaning. */
export type ErrorCode =
  /** The model host could not be reached. */
  | "network"
  /** The model host answered with a status other than success. */
  | "http-status"
  /** The model host answered with a web page: many servers do for a file that they do not have. */
  | "not-weights"
  /** The download stopped before its last byte. */
  | "incomplete-download"
  /** A file is longer or shorter than its manifest says. */
  | "size-mismatch"
  /** A file's SHA-256, or that of its pieces, differs from its manifest's. */
  | "hash-mismatch"
  /** A public key was given, and the model has no signature beside it. */
  | "signature-missing"
  /** The model's signature is malformed, by another key, or does not cover the model's files. */
  | "signature-invalid"
  /** The key, the signature's method or the browser is one with which signatures cannot be verified. */
  | "signature-unsupported"
  /** A file breaks the rules of its own format. */
  | "malformed-file"
  /** A well-formed file of a format or version that is not supported. */
  | "unsupported-file"
  /** The architecture, or one of its settings, is not supported. */
  | "unsupported-model"
  /** A tensor's data type is not supported. */
  | "unsupported-dtype"
  /** The model needs a tensor that no file holds. */
  | "missing-tensor"
  /** A tensor has another shape than the configuration demands. */
  | "tensor-shape"
  /** The model needs a file that its manifest does not list. */
  | "missing-file"
  /** The tokenizer's definition cannot be used. */
  | "tokenizer"
  /** The model's chat template cannot be used, or refuses the conversation. */
  | "template"
  /** An argument is out of its range. */
  | "invalid-input"
  /** The messages do not fit the model's context, even without the oldest ones. */
  | "context-overflow"
  /** WebGPU or its adapter is missing. */
  | "gpu-unavailable"
  /** The adapter's limits are too small. */
  | "gpu-limits"
  /** The GPU computed other numbers than the CPU. */
  | "gpu-self-test"
  /** The GPU device was lost. */
  | "gpu-lost"
  /** The GPU reported an error, or its engine stopped. */
  | "gpu-error"
  /** Memory could not be had. */
  | "out-of-memory"
  /** The browser has no room to keep the model, which works all the same. */
  | "storage-full"
  /** The browser lets this page keep nothing, as in some private windows. */
  | "storage-denied"
  /** The object was destroyed. */
  | "destroyed"
  /** No manifest has the given name. */
  | "unknown-model"
  /** The worker or the wasm build could not be started, or died; also a browser without WebAssembly SIMD. */
  | "worker"
  /** A defect of this library. */
  | "internal";
