// Inglenook as an application uses it: the package makes its own worker.
const MODEL_HOST = new URL("/weights/", location.href);

export async function load({ model, device, contextWindow, maxTokens }) {
  const { LanguageModel } = await import("/inglenook/index.js");
  if (!LanguageModel) throw new Error("this build has no LanguageModel");
  const place = { model, modelHost: MODEL_HOST, device, contextWindow };
  const empty = await LanguageModel.create({ ...place, temperature: 0, maxTokens });
  if (empty.device !== device) throw new Error(`asked for ${device}, got ${empty.device}`);
  return { generate: (prompt, most, onToken) => generate(empty, prompt, most, maxTokens, onToken) };
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
