// The threads of the CPU build, as workers of Node.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isMainThread, Worker, workerData } from "node:worker_threads";

/** Bytes, as `web/src/worker/thread.ts` has it. */
const STACK = 1 << 18;

/** Starts `count` threads that compute with `wasm`, a started `cpu_threads`. They end with the process. */
export function startThreads(wasm, dist, count) {
  const start = {
    glue: pathToFileURL(join(dist, "inglenook_cpu_threads.js")).href,
    module: wasm.poolModule(),
    memory: wasm.poolMemory(),
  };
  for (let thread = 0; thread < count; thread += 1) {
    new Worker(new URL(import.meta.url), { workerData: start }).unref();
  }
}

async function computeWith({ glue, module, memory }) {
  const wasm = await import(glue);
  await wasm.default({ module_or_path: module, memory, thread_stack_size: STACK });
  wasm.joinPool();
  // As where a browser lacks `Atomics.waitAsync`: it waits inside.
  for (;;) wasm.helpPool(false);
}

if (!isMainThread) await computeWith(workerData);
