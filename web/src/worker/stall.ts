/** In seconds: longer than any network that still works takes to send a byte. */
const PATIENCE = 30;

/**
 * The outcome of `work`, which waits for bytes; rejects when none have come for half a minute. That is counted in seconds
 * in which the worker runs: a page that was frozen has not waited.
 */
export function unlessStalled<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let seconds = 0;
    const timer = setInterval(() => {
      if (++seconds === PATIENCE) reject(new Error(`Nothing has come for ${PATIENCE} seconds.`));
    }, 1000);
    work.then(resolve, reject).finally(() => clearInterval(timer));
  });
}
