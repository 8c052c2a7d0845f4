// The suites `embed` and `embed-gpu`: time per text, loading, memory.
import { measureLoad } from "./load.mjs";
import { measureEmbed } from "./measure.mjs";
import { loadTokenizer, textsOf } from "./texts.mjs";

export { preparePeers } from "./onnx.mjs";
export { sections } from "./tables.mjs";

export const PAGE = "embed/index.html";

export async function measure(run, server, report) {
  const tokenizer = loadTokenizer(run.model);
  const texts = ({ tokens, batch }) => textsOf(tokenizer, tokens, batch);
  await measureEmbed({ run, url: server.url, texts, report });
  if (run.load) await measureLoad({ run, server, texts, report });
}
