/** More gain little: memory, which all of them read, is then what takes the time. */
const MOST = 8;

/**
 * How many threads are worth having: one where memory cannot be shared, since the page is not cross-origin isolated; all
 * of few processors, and half of many, of which some are the second thread of a core, or slow, or busy.
 */
export function threadCount(): number {
  if (!self.crossOriginIsolated || typeof Worker === "undefined") return 1;
  const processors = navigator.hardwareConcurrency;
  return Math.min(processors, Math.max(4, Math.ceil(processors / 2)), MOST);
}
