import type { ErrorCode } from "./error-code.js";

/** An error as it crosses the worker boundary, from TypeScript and from Rust alike. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  detail?: string | undefined;
}

/**
 * Every failure of this package, except aborts (which reject with the signal's own reason).
 *
 * Branch on `code`, never on `message`.
 *
 * @example
 * ```ts
 * import { Embedder, InglenookError } from "inglenook";
 *
 * try {
 *   await Embedder.create({ model: "no-such-model" });
 * } catch (error) {
 *   if (!(error instanceof InglenookError)) throw error;
 *   console.log(error.code, error.detail); // unknown-model no-such-model
 * }
 * ```
 */
export class InglenookError extends Error {
  /** Always the same. */
  override readonly name = "InglenookError";
  /** What went wrong; stable between releases. */
  readonly code: ErrorCode;
  /** What it is about: a file, a tensor, an address. */
  readonly detail: string | undefined;

  /**
   * For code that fails in the same way.
   *
   * @param code - what went wrong
   * @param message - one sentence for a person
   * @param options - what it is about, and what it comes of
   */
  constructor(
    code: ErrorCode,
    message: string,
    options: { detail?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.detail = options.detail;
  }
}

/** The error that `record` describes. */
export function fromRecord({ code, message, detail }: ErrorRecord): InglenookError {
  return new InglenookError(code, message, { detail });
}

/** Describes anything that was thrown; what is not one of ours is a defect, `internal`. */
export function toRecord(error: unknown): ErrorRecord {
  const { code, message, detail } = Object(error) as Partial<ErrorRecord>;
  // A DOMException has a `code` too, but a number.
  if (typeof code === "string" && typeof message === "string") return { code, message, detail };
  return { code: "internal", message: "An unexpected failure.", detail: String(error) };
}
