import type { ErrorCode, InglenookError } from "inglenook";

/** What went wrong, in the form that the page explains. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Anything that was not thrown by the package is a defect of the page, `internal`. */
export function asFailure(error: unknown): Failure {
  // A DOMException has a `code` too, but a number.
  if (error instanceof Error && typeof (error as InglenookError).code === "string") {
    return error as InglenookError;
  }
  if (error instanceof DOMException && error.name === "QuotaExceededError") {
    return { code: "context-overflow", message: error.message };
  }
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** After these a model answers nothing any more: only a new one does. */
const FATAL: readonly ErrorCode[] = ["worker", "out-of-memory", "internal", "destroyed"];

/** Whether what failed took the model with it. */
export function isFatal({ code }: Failure): boolean {
  return FATAL.includes(code) || code.startsWith("gpu-");
}
