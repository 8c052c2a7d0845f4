/** What a thread needs to join. */
export interface ThreadStart {
  /** Address of the glue. */
  glue: string;
  module: WebAssembly.Module;
  /** The memory of the instance that it joins. */
  memory: WebAssembly.Memory;
}

/** More gain little: memory, which all of them read, is then what takes the time. */
const MOST = 8;

/**
 * How many threads are worth having: one where memory cannot be shared, since the page is not cross-origin isolated; all
 * of few processors, and half of many, of which some are the second thread of a core, or slow, or busy.
 */
export function threadCount(): number {
  if (!self.crossOriginIsolated || typeof Worker === "undefined") return 1;
  const processors = navigator.hardwareConcurrency;
  return Math.min(processors, Math.max(4, Math.ceil(processors / 2)), MOST);
}

// Held, so that they are not collected.
const threads: Worker[] = [];

/** Starts all threads but the caller's. They take part as soon as they are there; nothing waits for them. */
export function startThreads(start: ThreadStart): void {
  while (threads.length < threadCount() - 1) {
    // In full, for bundlers.
    const thread = new Worker(new URL("./thread.js", import.meta.url), {
      type: "module",
      name: "inglenook-thread",
    });
    // Nothing is lost with it, so it is no error of the worker's.
    thread.onerror = (event) => event.preventDefault();
    thread.postMessage(start);
    threads.push(thread);
  }
}

export function endThreads(): void {
  for (const thread of threads) thread.terminate();
}
