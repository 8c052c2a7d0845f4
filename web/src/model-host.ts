import { type LoadKind, ModelLoader, type ModelSource, type ModelWorker } from "./model-loader.js";
import type { Fallback } from "./worker/protocol.js";

/** The worker that a model lives in, and its successor on the CPU when the GPU fails. */
export class ModelHost<K extends LoadKind> {
  /** Called after the model has moved to the CPU. */
  onmove: () => void = () => {};
  readonly #loader: ModelLoader<K>;
  readonly #life = new AbortController();
  #worker: ModelWorker<K>;
  #moving: Promise<void> | undefined;

  private constructor(loader: ModelLoader<K>, worker: ModelWorker<K>) {
    this.#loader = loader;
    this.#worker = worker;
  }

  static async start<K extends LoadKind>(
    source: ModelSource<K>,
    signal: AbortSignal | undefined,
  ): Promise<ModelHost<K>> {
    const loader = new ModelLoader(source);
    return new ModelHost(loader, await loader.start(signal));
  }

  /** What the model says of itself, where it is now. */
  get loaded(): ModelWorker<K>["loaded"] {
    return this.#worker.loaded;
  }

  /** Aborted by `end`, with its error. */
  get life(): AbortSignal {
    return this.#life.signal;
  }

  /** Bytes of model files that came over the network. */
  get bytesFetched(): number {
    return this.#loader.bytesFetched;
  }

  /** Does `work` with the model; a second time, on the CPU, if the GPU fails in the first and that is allowed. */
  async run<T>(work: (worker: ModelWorker<K>) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      this.#life.signal.throwIfAborted();
      const worker = this.#worker;
      try {
        return await work(worker);
      } catch (error) {
        const fallback = this.#loader.fallbackFor(error);
        if (!fallback) throw error;
        await unlessAborted(this.#leave(worker, fallback), signal);
      }
    }
  }

  /** Ends the worker; what is pending and what comes later rejects with `error`. */
  end(error: unknown): void {
    this.#life.abort(error);
    this.#worker.client.die(error);
  }

  /** Moves from a worker whose GPU has failed; of several calls that fail together, the first moves for all. */
  async #leave(worker: ModelWorker<K>, fallback: Fallback): Promise<void> {
    if (this.#worker !== worker) return;
    this.#moving ??= this.#moveToCpu(fallback).finally(() => {
      this.#moving = undefined;
    });
    await this.#moving;
  }

  async #moveToCpu(fallback: Fallback): Promise<void> {
    const { signal } = this.#life;
    this.#worker = await this.#loader.startOnCpu(fallback, signal);
    // `end` may have come when the new worker was ready and not yet here.
    if (signal.aborted) this.#worker.client.die(signal.reason);
    else this.onmove();
  }
}

/** The outcome of `work`, or at once the signal's reason when that is aborted. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
