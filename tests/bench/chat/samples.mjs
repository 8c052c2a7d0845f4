// What one answer of an engine says: `{ promptTokens, tokens, times, text }`, `times` the milliseconds from the request to
// each token.

/** Why an answer does not count, or undefined. */
export function complaint({ promptTokens, tokens, times }, prompt, most) {
  if (promptTokens !== prompt.tokens) return `it read ${promptTokens} tokens of a prompt of ${prompt.tokens}`;
  if (tokens !== most) return `it wrote ${tokens} tokens, not ${most}`;
  if (times.length !== most) return `it handed over its ${most} tokens in ${times.length} pieces`;
  return undefined;
}

/** How many characters two texts have in common from the start. */
export function sharedStart(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) if (one[at] !== other[at]) return at;
  return length;
}

/** The metrics of an answer: of reading up to the first token, of writing from the first token to the last. */
export function speedOf(phase, { promptTokens, times }) {
  const [first] = times;
  if (phase === "prefill") return { first_token_ms: first, tokens_per_s: (1000 * promptTokens) / first };
  return { tokens_per_s: (1000 * (times.length - 1)) / (times.at(-1) - first) };
}
