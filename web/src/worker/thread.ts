/**
 * A thread of the CPU build: a worker that shares the memory of another, and computes with it until both are ended. A
 * thread that cannot start is not missed: the others do its work.
 *
 * Where there is nothing to do it waits outside of wasm: a browser ends a worker at once that does not sleep there, and
 * others seconds later.
 */
import { holdLock } from "./hold-lock.js";
import type { ThreadStart } from "./protocol.js";
import type { SharedWasm } from "./wasm.js";

/** Bytes: the kernels keep little there. */
const STACK = 1 << 18;

self.onmessage = ({ data: port }: MessageEvent<MessagePort>) => {
  port.onmessage = ({ data }: MessageEvent<ThreadStart>) => join(data);
};

async function join({ glue, module, memory }: ThreadStart): Promise<void> {
  const wasm: SharedWasm = await import(/* @vite-ignore */ /* webpackIgnore: true */ glue);
  await wasm.default({ module_or_path: module, memory, thread_stack_size: STACK });
  // Before it joins: without a thread that has joined, work does not end.
  await holdLock((message) => self.postMessage(message));
  // Not in every browser.
  const { waitAsync } = Atomics as Partial<typeof Atomics>;
  try {
    wasm.joinPool();
    for (;;) {
      const ring = wasm.helpPool(waitAsync !== undefined);
      await waitAsync?.(new Int32Array(memory.buffer), wasm.poolBell() / 4, ring).value;
    }
  } catch (cause) {
    wasm.failPool();
    throw cause;
  }
}
