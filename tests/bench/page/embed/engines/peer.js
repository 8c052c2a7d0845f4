// A peer in a worker of its own, behind the same two calls as Inglenook.

/** An engine whose worker script answers `load` and `embed`, one at a time. */
export function peer(script) {
  return {
    async load(options) {
      const call = caller(new Worker(new URL(script, import.meta.url), { type: "module" }));
      await call("load", options);
      return { embed: (texts) => call("embed", texts) };
    },
  };
}

function caller(worker) {
  return (verb, argument) =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) =>
        "error" in data ? reject(new Error(data.error)) : resolve(data.result);
      worker.onerror = (event) => reject(new Error(event.message || "the worker failed to start"));
      worker.postMessage({ verb, argument });
    });
}
