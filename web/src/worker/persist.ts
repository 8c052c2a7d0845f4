import { InglenookError } from "../errors.js";
import { pause } from "./pause.js";

/** A failure that may be over at the next try: a lost connection, a host that is busy. */
export class TransientError extends InglenookError {
  /** How long the host wants not to be asked. */
  retryAfterMs = 0;
}

const TRIES = 4;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 60_000;

/**
 * Does `work` until it succeeds, fails for good, or has failed four times in a row without coming further, as
 * `progress` tells. Between two tries it waits twice as long every time, or as long as the host says, a minute at most.
 */
export async function persistently<T>(
  work: () => Promise<T>,
  progress: () => number,
  signal?: AbortSignal,
): Promise<T> {
  let furthest = progress();
  let failures = 0;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      if (progress() > furthest) failures = 0;
      furthest = Math.max(furthest, progress());
      if (++failures === TRIES) throw error;
      await pause(delayAfter(failures, error), signal);
    }
  }
}

/** Between half and all of the delay, so that many pages do not come back at the same moment. */
function delayAfter(failures: number, { retryAfterMs }: TransientError): number {
  const delay = FIRST_DELAY_MS * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
  return Math.min(LONGEST_DELAY_MS, Math.max(delay, retryAfterMs));
}
