// The parts of the benchmark, each of which runs in a process of its own.

/** By name: the module, what it is given, and how many seconds it may take. */
export const PARTS = {
  ceilings: { module: "./ceilings.mjs", seconds: 40 },
  "chat-135m": { module: "./chat.mjs", model: "smollm2-135m", seconds: 60 },
  embed: { module: "./embed.mjs", seconds: 45 },
  "embed-ort": { module: "./onnxruntime.mjs", seconds: 100 },
  "chat-0.5b": { module: "./chat.mjs", model: "qwen2.5-0.5b", seconds: 75 },
  "chat-1b": { module: "./chat.mjs", model: "llama-3.2-1b", seconds: 90 },
  cpu: { module: "./cpu.mjs", model: "smollm2-135m", seconds: 75 },
};
