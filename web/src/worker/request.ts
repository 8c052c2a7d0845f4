import { InglenookError } from "../errors.js";
import { TransientError } from "./persist.js";
import { unlessStalled } from "./stall.js";

/** What a host is asked with. */
export interface Means {
  /** The page's, which under Node reads files, too. */
  fetch: typeof fetch;
  signal?: AbortSignal | undefined;
}

const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * Asks a model host once, for its answer of whatever status.
 *
 * @throws `network`, as a {@link TransientError}, where it cannot be reached or is silent for half a minute; the signal's
 *   reason when aborted
 */
export async function request(url: string, init: RequestInit, { fetch, signal }: Means): Promise<Response> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  signal?.addEventListener("abort", () => stop.abort());
  const sent = fetch(url, { ...init, signal: stop.signal, referrerPolicy: "no-referrer" });
  return unlessStalled(sent).catch((cause) => {
    stop.abort();
    signal?.throwIfAborted();
    throw new TransientError("network", "The model host could not be reached.", { detail: url, cause });
  });
}

/** The error for an answer that is a failure: a {@link TransientError} where the next one may be none. */
export function refused({ status, headers }: Response, url: string): InglenookError {
  const kind = TRANSIENT.has(status) ? TransientError : InglenookError;
  const error = new kind("http-status", `The model host answered ${status}.`, { detail: url });
  if (error instanceof TransientError) error.retryAfterMs = waitOf(headers);
  return error;
}

/** How many milliseconds the host wants not to be asked. */
function waitOf(headers: Headers): number {
  const wanted = headers.get("retry-after") ?? "";
  const ms = /^\d+$/.test(wanted) ? Number(wanted) * 1000 : Date.parse(wanted) - Date.now();
  return ms > 0 ? ms : 0;
}
