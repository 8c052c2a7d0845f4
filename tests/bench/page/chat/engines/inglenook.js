// Inglenook as an application uses it: the package makes its own worker.
const MODEL_HOST = new URL("/weights/", location.href);

/** More than any case asks for: an answer is ended from outside once it is long enough. */
const MAX_TOKENS = 512;

export async function load({ model, device, contextWindow }) {
  const { LanguageModel } = await import("/inglenook/index.js");
  if (!LanguageModel) throw new Error("this build has no LanguageModel");
  const sampling = { temperature: 0, maxTokens: MAX_TOKENS };
  const empty = await LanguageModel.create({
    model,
    modelHost: MODEL_HOST,
    device,
    contextWindow,
    ...sampling,
  });
  if (empty.device !== device) throw new Error(`asked for ${device}, got ${empty.device}`);
  return { generate: (prompt, most, onToken) => generate(empty, prompt, most, onToken) };
}

/** Answers in a session of its own, which has read nothing yet. */
async function generate(empty, { user }, most, onToken) {
  const session = await empty.clone();
  try {
    const promptTokens = await session.measureContextUsage(user);
    const pieces = [];
    for await (const piece of session.promptStreaming(user)) {
      onToken();
      pieces.push(piece);
      if (pieces.length === most) break;
    }
    return { text: pieces.join(""), tokens: pieces.length, promptTokens };
  } finally {
    session.destroy();
  }
}
