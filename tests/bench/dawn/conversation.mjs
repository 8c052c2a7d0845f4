// A decoder that reads prompts of an exact length and writes answers, step by step.
import { orFault } from "./bindings.mjs";
import { measured } from "./meter.mjs";
import { promptOf } from "./models/decoders.mjs";
import { now } from "./samples.mjs";

/** Tokens of a prompt and its answer that there is room for. */
export const WINDOW = 1024;
/** As much as a step can read. */
export const WHOLE = 512;

let seed = 0;

/** Reads a prompt of `tokens` tokens, `chunk` a step, up to the first token of the answer: `{ ms, … }`, as `measured`. */
export async function read(chat, tokens, chunk) {
  const { step, end } = begin(chat, tokens, 1);
  const [start, before] = [now(), measured()];
  for (let kind = "prefill"; kind === "prefill"; ) ({ kind } = await step(chunk));
  const record = { ms: now() - start, ...measured(before) };
  end();
  return record;
}

/** Writes `written` tokens more than the first after a prompt of `tokens` tokens: the same for each of the steps. */
export async function write(chat, tokens, written) {
  const { step, end } = begin(chat, tokens, written + 2);
  for (let kind = "prefill"; kind === "prefill"; ) ({ kind } = await step(WHOLE));
  const records = [];
  for (let token = 0; token < written; token += 1) {
    const [start, before] = [now(), measured()];
    const { kind, reason } = await step(WHOLE);
    records.push({ ms: now() - start, ...measured(before) });
    if (kind !== "text") throw new Error(`the answer ended after ${token} tokens: ${reason}`);
  }
  end();
  return records;
}

/** An answer in a new session, to a prompt that none has read. Always the most probable token. */
function begin({ model, device }, tokens, maxTokens) {
  const messages = [{ role: "user", content: promptOf(tokens, seed++) }];
  const counted = model.count(messages, true);
  if (counted !== tokens) throw new Error(`the prompt has ${counted} tokens, not ${tokens}`);
  const session = model.session();
  const job = model.plan(messages, { generate: true, temperature: 0, maxTokens });
  const step = (chunk) => orFault(device, job.step(model, session, chunk));
  const end = () => {
    job.free();
    session.free();
  };
  return { step, end };
}
