import { fileNameOf, lockOf } from "./opfs.js";

/** Says to those who wait how far the work is. */
export type Tell<T> = (news: T) => void;

/**
 * Does `work` on `entry` while no other tab or worker does the same; one that has to wait hears the news of the other
 * meanwhile, and is told that it `waited`.
 */
export async function alone<T>(
  entry: string,
  onNews: (news: T) => void,
  work: (waited: boolean, tell: Tell<T>) => Promise<void>,
): Promise<void> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return work(false, () => {});
  const name = lockOf(await fileNameOf(entry));
  const channel = new BroadcastChannel(name);
  const tell = (news: T) => channel.postMessage(news);
  try {
    const free = await locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock) await work(false, tell);
      return lock !== null;
    });
    if (free) return;
    channel.onmessage = ({ data }) => onNews(data as T);
    await locks.request(name, () => {
      channel.onmessage = null;
      return work(true, tell);
    });
  } finally {
    channel.close();
  }
}
