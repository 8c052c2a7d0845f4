/**
 * A thread of the CPU build: a worker that shares the memory of the one that started it, and computes with it until
 * that one ends. A thread that cannot start is not missed: the others do its work.
 */
import type { ThreadStart } from "./threads.js";
import type { SharedWasm } from "./wasm.js";

/** Bytes: the kernels keep little there. */
const STACK = 1 << 18;

self.onmessage = async ({ data: { glue, module, memory } }: MessageEvent<ThreadStart>) => {
  const wasm: SharedWasm = await import(/* @vite-ignore */ /* webpackIgnore: true */ glue);
  await wasm.default({ module_or_path: module, memory, thread_stack_size: STACK });
  try {
    wasm.joinPool();
  } catch (cause) {
    wasm.failPool();
    throw cause;
  }
};
