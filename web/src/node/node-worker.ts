import { Worker as Thread } from "node:worker_threads";
import type { FromWorker, ToWorker } from "../worker/protocol.js";
import type { WorkerPort } from "../worker-client.js";

/**
 * A worker thread in the place of a Web Worker. Node goes on while a request waits for its answer, and is not kept from
 * ending by a worker that has nothing to do.
 */
export class NodeWorker implements WorkerPort {
  onmessage: WorkerPort["onmessage"] = null;
  onerror: WorkerPort["onerror"] = null;
  readonly #thread: Thread;
  readonly #waiting = new Set<number>();

  constructor(script: URL) {
    this.#thread = new Thread(new URL("./node-worker.js", import.meta.url), {
      workerData: script.href,
      // What the application is run with is not meant for it.
      execArgv: [],
    });
    this.#thread.unref();
    this.#thread.on("message", (message: FromWorker) => this.#receive(message));
    this.#thread.on("error", ({ message }) => {
      this.#tell("onerror", Object.assign(new Event("error"), { message }));
    });
    this.#thread.on("exit", () => {
      this.#tell("onerror", Object.assign(new Event("error"), { message: "its thread has ended" }));
    });
  }

  postMessage(message: ToWorker, transfer: Transferable[] | StructuredSerializeOptions = []): void {
    this.#thread.postMessage(message, transfer as ArrayBuffer[]);
    if (message.kind === "abort") this.#waiting.delete(message.id);
    else this.#waiting.add(message.id);
    this.#keepAlive();
  }

  addEventListener(type: "messageerror", listener: () => void): void {
    this.#thread.on(type, listener);
  }

  terminate(): void {
    void this.#thread.terminate();
  }

  #receive(message: FromWorker): void {
    if (message.kind === "done" || message.kind === "failed") this.#waiting.delete(message.id);
    this.#keepAlive();
    this.#tell("onmessage", new MessageEvent("message", { data: message }));
  }

  #keepAlive(): void {
    if (this.#waiting.size > 0) this.#thread.ref();
    else this.#thread.unref();
  }

  #tell(handler: "onmessage" | "onerror", event: Event): void {
    (this[handler] as ((event: Event) => void) | null)?.(event);
  }
}
