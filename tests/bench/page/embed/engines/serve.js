// The worker's side of peer.js.

/** Answers the page with what `load(options)` and `embed(texts)` return. Vectors are transferred, not copied. */
export function serve(verbs) {
  globalThis.onmessage = async ({ data: { verb, argument } }) => {
    try {
      const result = await verbs[verb](argument);
      postMessage({ result }, { transfer: verb === "embed" ? result.map((vector) => vector.buffer) : [] });
    } catch (error) {
      postMessage({ error: String(error?.message ?? error) });
    }
  };
}
