// Generated from `ErrorCode` in crate/src/error.rs by `npm run build`. Do not edit.

/** What went wrong, as a word that never changes meaning. */
export type ErrorCode =
  | "network"
  | "http-status"
  | "not-weights"
  | "incomplete-download"
  | "size-mismatch"
  | "hash-mismatch"
  | "malformed-file"
  | "unsupported-file"
  | "unsupported-model"
  | "unsupported-dtype"
  | "missing-tensor"
  | "tensor-shape"
  | "missing-file"
  | "tokenizer"
  | "invalid-input"
  | "gpu-unavailable"
  | "gpu-limits"
  | "gpu-self-test"
  | "gpu-lost"
  | "gpu-error"
  | "out-of-memory"
  | "destroyed"
  | "unknown-model"
  | "worker"
  | "internal";
