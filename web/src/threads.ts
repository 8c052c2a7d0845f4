/**
 * Starts threads of a worker. They take part as soon as they are there; nothing waits for them. The page starts them, not
 * the worker: Firefox 153, where a worker starts another, does not go on in one of a hundred cases.
 */
export function startThreads(ports: MessagePort[], onmessage: Worker["onmessage"]): Worker[] {
  return ports.map((port) => {
    // In full, for bundlers.
    const thread = new Worker(new URL("./thread.js", import.meta.url), {
      type: "module",
      name: "inglenook-thread",
    });
    // Nothing is lost with it, so it is no error of the page's.
    thread.onerror = (event) => event.preventDefault();
    thread.onmessage = onmessage;
    thread.postMessage(port, [port]);
    return thread;
  });
}
