/**
 * A signal that is aborted with the first of `signals`. `release` when nobody follows it any more: it is kept alive
 * by them until then.
 */
export function follow(...signals: (AbortSignal | undefined)[]): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const present = signals.filter((signal) => signal !== undefined);
  const abort = () => controller.abort(present.find(({ aborted }) => aborted)?.reason);
  for (const signal of present) signal.addEventListener("abort", abort);
  if (present.some(({ aborted }) => aborted)) abort();
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of present) signal.removeEventListener("abort", abort);
    },
  };
}
