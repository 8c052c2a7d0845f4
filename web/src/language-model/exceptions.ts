import type { ErrorCode } from "../error-code.js";
import { InglenookError } from "../errors.js";

type QuotaExceededErrorConstructor = new (
  message: string,
  options: { quota: number; requested: number },
) => DOMException;

/** The error of the Web IDL standard: `requested` tokens where there is room for `quota`. */
export function quotaExceeded(requested: number, quota: number): DOMException {
  const message = `${requested} tokens are too many: the context has room for ${quota}.`;
  const native = (globalThis as { QuotaExceededError?: QuotaExceededErrorConstructor }).QuotaExceededError;
  if (native) return new native(message, { quota, requested });
  return Object.assign(new DOMException(message, "QuotaExceededError"), { quota, requested });
}

const NAMES: Partial<Record<ErrorCode, string>> = {
  network: "NetworkError",
  "http-status": "NetworkError",
  "not-weights": "NetworkError",
  "incomplete-download": "NetworkError",
  "size-mismatch": "NetworkError",
  "hash-mismatch": "NetworkError",
  "signature-missing": "NetworkError",
  "signature-invalid": "NetworkError",
  "signature-unsupported": "NotSupportedError",
  "unsupported-file": "NotSupportedError",
  "unsupported-model": "NotSupportedError",
  "unsupported-dtype": "NotSupportedError",
  "unknown-model": "NotSupportedError",
  "gpu-unavailable": "NotSupportedError",
  "gpu-limits": "NotSupportedError",
  "gpu-self-test": "NotSupportedError",
  "invalid-input": "RangeError",
};

/** The same failure with the name that the Prompt API has for it; `otherwise` where it leaves that open. */
export function inSpecWords(error: unknown, otherwise: "OperationError" | "UnknownError"): unknown {
  if (!(error instanceof InglenookError)) return error;
  if (error.code === "context-overflow") {
    const [requested = 0, quota = 0] = (error.detail ?? "").split("/").map(Number);
    return quotaExceeded(requested, quota);
  }
  return Object.assign(error, { name: NAMES[error.code] ?? otherwise });
}
