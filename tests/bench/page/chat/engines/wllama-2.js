// wllama 2: llama.cpp in WebAssembly, its build with threads or the one without.
const PACKAGE = "/modules/wllama-2/esm";

/** No reuse, no penalties, always the most likely token. */
const GREEDY = { temp: 0, penalty_repeat: 1 };

export async function load({ file, contextWindow, threads }) {
  const { LoggerWithoutDebug, Wllama } = await import(`${PACKAGE}/index.js`);
  const build = `${threads > 1 ? "multi" : "single"}-thread/wllama.wasm`;
  const paths = {
    "single-thread/wllama.wasm": `${PACKAGE}/single-thread/wllama.wasm`,
    [build]: `${PACKAGE}/${build}`,
  };
  const wllama = new Wllama(paths, { logger: LoggerWithoutDebug, suppressNativeLog: true });
  await wllama.loadModelFromUrl(new URL(file, location.href).href, {
    n_ctx: contextWindow,
    n_threads: threads,
  });
  if (wllama.getNumThreads() !== threads) throw new Error(`${wllama.getNumThreads()} threads`);
  return { generate: (prompt, most, onToken) => generate(wllama, prompt, most, onToken) };
}

async function generate(wllama, { rendered }, most, onToken) {
  let tokens = 0;
  const onNewToken = () => {
    onToken();
    tokens += 1;
  };
  const options = { nPredict: most, useCache: false, sampling: GREEDY, onNewToken };
  const text = await wllama.createCompletion(rendered, options);
  return { text, tokens, promptTokens: (await wllama.tokenize(rendered, true)).length };
}
