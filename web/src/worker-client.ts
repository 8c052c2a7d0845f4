import { fromRecord, InglenookError } from "./errors.js";
import { startThreads } from "./threads.js";
import type { FromWorker, RequestKind, RequestMessage, Requests, ToWorker } from "./worker/protocol.js";

/** The part of a `Worker` that the client uses. */
export interface WorkerPort extends Pick<Worker, "postMessage" | "terminate" | "onmessage" | "onerror"> {
  /** Chromium has no `onmessageerror` there. */
  addEventListener(type: "messageerror", listener: () => void): void;
}

/** What may accompany a request. */
export interface CallOptions<K extends RequestKind> {
  signal?: AbortSignal | undefined;
  transfer?: Transferable[];
  onProgress?: ((progress: Requests[K]["progress"]) => void) | undefined;
}

interface Pending {
  resolve(result: unknown): void;
  reject(reason: unknown): void;
  onProgress: ((progress: never) => void) | undefined;
}

/** Starts the worker of embedders and indices. */
export function startWorker(): WorkerPort {
  return started(
    () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "inglenook" }),
  );
}

/** What `start` gives, which has to contain the whole `new Worker(new URL(…))` for bundlers to find it. */
export function started(start: () => WorkerPort): WorkerPort {
  try {
    return start();
  } catch (cause) {
    throw new InglenookError("worker", "The worker could not be started.", { cause });
  }
}

/**
 * The page's end of the protocol: every call settles exactly once, whatever happens to the worker.
 *
 * A worker that fails outside a request is dead, and so is one that the browser has ended: what is pending and what
 * comes later rejects with its error.
 */
export class WorkerClient {
  readonly #port: WorkerPort;
  readonly #pending = new Map<number, Pending>();
  #threads: Worker[] = [];
  #nextId = 0;
  #death: { error: unknown } | undefined;

  constructor(port: WorkerPort) {
    this.#port = port;
    port.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    port.addEventListener("messageerror", () => this.#crash("a message could not be read"));
    port.onerror = (event) => {
      event.preventDefault?.();
      this.#crash(event.message || "its script could not be loaded");
    };
  }

  /** Sends a request. An abort rejects at once with the signal's reason and tells the worker to stop. */
  call<K extends RequestKind>(
    kind: K,
    params: Requests[K]["params"],
    { signal, transfer = [], onProgress }: CallOptions<K> = {},
  ): Promise<Requests[K]["result"]> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#death) throw this.#death.error;
      const id = this.#nextId++;
      const request: RequestMessage<K> = { id, kind, params };
      this.#port.postMessage(request, transfer);
      const abort = () => {
        this.#port.postMessage({ id, kind: "abort" } satisfies ToWorker);
        this.#take(id)?.reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort);
      const settled = () => signal?.removeEventListener("abort", abort);
      this.#pending.set(id, {
        resolve: (result) => [settled(), resolve(result as Requests[K]["result"])],
        reject: (reason) => [settled(), reject(reason)],
        onProgress,
      });
    });
  }

  /** Terminates the worker, which frees its memory, and rejects every pending and later call with `error`. */
  die(error: unknown): void {
    if (this.#death) return;
    this.#death = { error };
    for (const worker of [...this.#threads, this.#port]) worker.terminate();
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #crash(reason: string): void {
    this.die(new InglenookError("worker", `The worker failed: ${reason}.`));
  }

  #receive(message: FromWorker): void {
    if (this.#death) return;
    // Rejects where the page itself is at its end.
    if (message.kind === "alive")
      navigator.locks.request(message.lock, () => this.#crash("it was ended")).catch(() => {});
    else if (message.kind === "threads") this.#threads = startThreads(message.ports, this.#port.onmessage);
    else if (message.kind === "died") this.die(fromRecord(message.error));
    // The answer to an aborted request finds nothing pending, and is dropped.
    else if (message.kind === "progress")
      this.#pending.get(message.id)?.onProgress?.(message.progress as never);
    else if (message.kind === "done") this.#take(message.id)?.resolve(message.result);
    else this.#take(message.id)?.reject(fromRecord(message.error));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
