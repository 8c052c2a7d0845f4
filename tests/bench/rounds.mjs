// What the measurements of every suite have in common.

/** `items` from the one at `by` on, then those before it: in every round another library is the first. */
export function rotated(items, by) {
  const at = items.length ? by % items.length : 0;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** Runs `work`; a failure is reported and takes the library out of the rest of the run. */
export async function attempt(lib, wanted, report, alive, work) {
  try {
    await work();
  } catch (error) {
    alive.delete(lib);
    report.failed(wanted, lib, error.message);
  }
}
