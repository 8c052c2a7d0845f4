import { alone } from "./alone.js";
import { Delivery } from "./delivery.js";
import { readStored } from "./read-stored.js";
import { openSlot } from "./slot.js";
import { throttled } from "./throttle.js";
import type { FileProgress, FileSink, OnFileProgress, Wanted } from "./wanted.js";

/** How often a file is begun anew. */
const ROUNDS = 3;

/**
 * Fills `sink` with a file that the store has not, or not whole: from what there is of it, and from its host. It is kept
 * on the way. Where another tab fetches the same file, that is waited for.
 */
export async function deliver(wanted: Wanted, sink: FileSink, onProgress: OnFileProgress): Promise<void> {
  const onNews = (news: FileProgress) => onProgress({ ...news, fetched: 0 });
  await alone<FileProgress>(wanted.entry, onNews, async (waited, tell) => {
    if (waited && (await readStored(wanted, sink, onProgress))) return;
    const news = throttled(tell, () => false);
    const slot = await openSlot(wanted.entry);
    const delivery = new Delivery(wanted, sink, slot, (progress) => {
      onProgress(progress);
      news(progress);
    });
    try {
      await inRounds(delivery);
    } finally {
      delivery.close();
    }
  });
}

async function inRounds(delivery: Delivery): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      return await delivery.run();
    } catch (error) {
      const again = delivery.reasonToStartAnew(error);
      if (!again || round === ROUNDS) {
        await delivery.giveUp(error);
        throw again ? again.cause : error;
      }
      await delivery.startAnew(again);
    }
  }
}
