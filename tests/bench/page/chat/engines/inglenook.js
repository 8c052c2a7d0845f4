// Inglenook as an application uses it: the package makes its own worker.
const MODEL_HOST = new URL("/weights/", location.href);

/** The engine of the package at an address. */
export const inglenook = (address) => ({ load: (options) => load(address, options) });

async function load(address, { model, device, contextWindow, maxTokens }) {
  const { LanguageModel } = await import(address);
  if (!LanguageModel) throw new Error("this build has no LanguageModel");
  const place = { model, modelHost: MODEL_HOST, device, contextWindow };
  const empty = await LanguageModel.create({ ...place, temperature: 0, maxTokens });
  if (empty.device !== device) throw new Error(`asked for ${device}, got ${empty.device}`);
  return {
    generate: (prompt, most, onToken) => generate(empty, prompt, most, maxTokens, onToken),
    abort: (prompt, afterMs) => abort(empty, prompt, afterMs),
  };
}

/** A request as small as can be is answered when the worker is free: it takes turns with what is still going on. */
async function abort(empty, { user }, afterMs) {
  const session = await empty.clone();
  const controller = new AbortController();
  try {
    const reader = session.promptStreaming(user, { signal: controller.signal }).getReader();
    const reading = reader.read().then(
      () => "over",
      () => "aborted",
    );
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    const before = performance.now();
    controller.abort();
    await empty.measureContextUsage("x");
    const took = performance.now() - before;
    if ((await reading) !== "aborted") throw new Error("the prompt had been read before it was aborted");
    return took;
  } finally {
    session.destroy();
  }
}

/** Answers in a session of its own, which has read nothing yet; an answer that is long enough is cut off. */
async function generate(empty, { user }, most, maxTokens, onToken) {
  const session = await empty.clone();
  try {
    const promptTokens = await session.measureContextUsage(user);
    const pieces = [];
    for await (const piece of session.promptStreaming(user)) {
      onToken();
      pieces.push(piece);
      if (pieces.length === most && most < maxTokens) break;
    }
    const text = pieces.join("");
    return { text, tokens: pieces.length, promptTokens, ...ownWords(session.metrics) };
  } finally {
    session.destroy();
  }
}

/** What the package says of an answer that was not cut off. */
function ownWords(metrics) {
  if (!metrics) return {};
  const { promptTokens, reusedTokens, generatedTokens } = metrics;
  return { promptTokens: promptTokens - reusedTokens, tokens: generatedTokens };
}
