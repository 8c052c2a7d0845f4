// wllama 3: llama.cpp's server in WebAssembly, without its GPU.
const PACKAGE = "/modules/wllama-3/esm";

export async function load({ file, contextWindow, threads }) {
  const { LoggerWithoutDebug, Wllama } = await import(`${PACKAGE}/index.js`);
  const paths = { default: `${PACKAGE}/wasm/wllama.wasm` };
  const wllama = new Wllama(paths, { logger: LoggerWithoutDebug, suppressNativeLog: true });
  const options = { n_ctx: contextWindow, n_threads: threads, n_gpu_layers: 0, n_parallel: 1 };
  await wllama.loadModelFromUrl(new URL(file, location.href).href, options);
  if (wllama.getNumThreads() !== threads) throw new Error(`${wllama.getNumThreads()} threads`);
  return { generate: (prompt, most, onToken) => generate(wllama, prompt, most, onToken) };
}

async function generate(wllama, { rendered }, most, onToken) {
  let text = "";
  let timings;
  const onData = (chunk) => {
    timings = chunk.timings ?? timings;
    const piece = chunk.choices[0]?.text ?? "";
    if (piece === "") return;
    onToken();
    text += piece;
  };
  // No reuse, no penalties, always the most likely token.
  const request = { prompt: rendered, max_tokens: most, temperature: 0, cache_prompt: false };
  await wllama.createCompletion({ ...request, stream: true, onData });
  return { text, tokens: timings?.predicted_n, promptTokens: timings?.prompt_n };
}
