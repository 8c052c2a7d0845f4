// The suite `chat`: reading a prompt, writing an answer, loading, memory.
import { measureLoad } from "./load.mjs";
import { measureSpeed } from "./measure.mjs";

export { sections } from "./tables.mjs";

export const PAGE = "chat/index.html";

/** The peers read the same file as it is. */
export const preparePeers = () => null;

export async function measure(run, server, report) {
  await measureSpeed({ run, url: server.url, report });
  if (run.load) await measureLoad({ run, url: server.url, report });
}
