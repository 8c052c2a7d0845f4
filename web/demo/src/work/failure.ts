import type { ErrorCode, InglenookError } from "inglenook";

/** What went wrong, in the form that the page explains. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Anything that was not thrown by the package is a defect of the page, `internal`. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Error && error.name === "InglenookError") return error as InglenookError;
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
