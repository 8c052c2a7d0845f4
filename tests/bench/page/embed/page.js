// What the runner calls in the page. Every engine computes in a worker of its own; all times are taken here,
// from the texts handed over to the vectors received, which is what an application waits for.
import { patiently } from "../patiently.js";
import { inglenook } from "./engines/inglenook.js";
import { peer } from "./engines/peer.js";

const ENGINES = {
  inglenook: inglenook("/inglenook/index.js"),
  "inglenook-1": inglenook("/inglenook-1/index.js"),
  "transformers.js": peer("transformers.worker.js"),
  "onnxruntime-web": peer("onnxruntime.worker.js"),
};

const loaded = new Map();
const answers = new Map();

/** Loads an engine and embeds one text with it. Returns the milliseconds from nothing to the first vector. */
async function load(lib, options, text) {
  const start = performance.now();
  const engine = await patiently(ENGINES[lib].load(options), `${lib} load`);
  loaded.set(lib, engine);
  await patiently(engine.embed([text]), `${lib} first text`);
  return performance.now() - start;
}

/** Embeds the texts `calls` times in a row and keeps the last vectors. Returns milliseconds per text. */
async function sample(lib, texts, calls) {
  const engine = loaded.get(lib);
  let vectors;
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) vectors = await patiently(engine.embed(texts), lib);
  const elapsed = performance.now() - start;
  answers.set(lib, vectors);
  return elapsed / calls / texts.length;
}

/** The lowest cosine between the last vectors of two engines, text by text. */
function agreement(lib, reference) {
  const [ours, theirs] = [answers.get(reference), answers.get(lib)];
  if (ours.length !== theirs.length) return Number.NaN;
  return Math.min(...ours.map((vector, index) => cosine(vector, theirs[index])));
}

function cosine(a, b) {
  if (a.length !== b.length) return Number.NaN;
  const dot = (x, y) => x.reduce((sum, value, index) => sum + value * y[index], 0);
  const [left, right] = [Array.from(a), Array.from(b)];
  return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right));
}

async function adapter() {
  const found = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!found) return null;
  const { vendor, architecture, device, description, isFallbackAdapter } = found.info;
  const name = description || [vendor, architecture, device].filter(Boolean).join(" ") || "unnamed adapter";
  const software = isFallbackAdapter || /swiftshader|llvmpipe|lavapipe/i.test(`${name} ${architecture}`);
  return { name, software };
}

globalThis.bench = { load, sample, agreement, adapter, isolated: crossOriginIsolated };
