import type { FromWorker } from "./protocol.js";

/** Holds a lock to the worker's end, which no event would tell the page of. In an insecure context there are none. */
export function holdLock(post: (message: FromWorker) => void): void {
  if (!navigator.locks) return;
  const lock = `inglenook ${crypto.randomUUID()}`;
  const held = navigator.locks.request(lock, () => {
    post({ kind: "alive", lock });
    return new Promise<never>(() => {});
  });
  // Where a browser gives none after all, the page is told nothing, and waits for nothing.
  held.catch(() => {});
}
