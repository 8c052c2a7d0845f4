// Repeated measurements and what is kept of them.
import { performance } from "node:perf_hooks";

export const now = () => performance.now();

/** `{ median, min, max, n }` of numbers. */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1), n: sorted.length };
}

export const median = (values) => summary(values).median;

/** A GPU that has rested takes some tenths of a second to reach its clock. */
const WARM_UP_MS = 500;

/**
 * Runs `work`, at least once, until the GPU is warm, and then `count` times; what each of these gave. Fewer, at least one,
 * after `budgetMs`.
 */
export async function repeat(count, budgetMs, work) {
  const start = now();
  do await work();
  while (now() - start < WARM_UP_MS);
  const results = [];
  while (results.length < count && (results.length === 0 || now() - start < budgetMs)) {
    results.push(await work());
  }
  return results;
}

/** The medians of each name in records of numbers. */
export function medians(records) {
  const names = Object.keys(records[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(records.map((record) => record[name]))]));
}
