const INTERVAL_MS = 50;

/** Passes values on at most every 50 ms, and the last one always. */
export function throttled<T>(emit: (value: T) => void, isLast: (value: T) => boolean): (value: T) => void {
  let emittedAt = Number.NEGATIVE_INFINITY;
  return (value) => {
    const now = performance.now();
    if (!isLast(value) && now - emittedAt < INTERVAL_MS) return;
    emittedAt = now;
    emit(value);
  };
}
