import type { FromWorker } from "./protocol.js";

/**
 * Holds a lock to the worker's end, which no event would tell the page of. Resolves once it is held and the page told, or
 * at once where there are no locks, as in an insecure context.
 */
export async function holdLock(post: (message: FromWorker) => void): Promise<void> {
  if (!navigator.locks) return;
  const lock = `inglenook ${crypto.randomUUID()}`;
  await new Promise<void>((resolve) => {
    const held = navigator.locks.request(lock, () => {
      post({ kind: "alive", lock });
      resolve();
      return new Promise<never>(() => {});
    });
    // Where a browser gives none after all, the page is told nothing, and waits for nothing.
    held.catch(() => resolve());
  });
}
