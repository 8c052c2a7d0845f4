import { fallbackOf } from "./worker/gpu-probe.js";
import type { DeviceChoice, Fallback, LoadProgress, Requests } from "./worker/protocol.js";
import { WorkerClient, type WorkerPort } from "./worker-client.js";

/** The requests that load a model. */
export type LoadKind = "load" | "chat-load";

/** A worker with a model in it. */
export interface ModelWorker<K extends LoadKind> {
  client: WorkerClient;
  loaded: Requests[K]["result"];
}

/** What to load, and into what. */
export interface ModelSource<K extends LoadKind> {
  kind: K;
  params: Requests[K]["params"];
  startWorker(): WorkerPort;
  onProgress(progress: LoadProgress): void;
}

/**
 * Starts workers for one model: the first one, and another when the GPU has failed.
 *
 * A wasm instance never gives memory back, and after a failure it cannot be trusted: so the CPU takes over in
 * a new worker, once the old one has ended.
 */
export class ModelLoader<K extends LoadKind> {
  /** Bytes of model files that came over the network, for all workers together. */
  bytesFetched = 0;
  readonly #source: ModelSource<K>;

  constructor(source: ModelSource<K>) {
    this.#source = source;
  }

  /** Loads the model on the chosen device, or on the CPU if the GPU fails and that is allowed. */
  async start(signal: AbortSignal | undefined): Promise<ModelWorker<K>> {
    try {
      return await this.#startOn(this.#source.params.device, signal);
    } catch (error) {
      const fallback = this.fallbackFor(error);
      if (!fallback) throw error;
      return this.startOnCpu(fallback, signal);
    }
  }

  async startOnCpu(fallback: Fallback, signal: AbortSignal | undefined): Promise<ModelWorker<K>> {
    return this.#startOn("cpu", signal, fallback);
  }

  /** Why `error` moves the model to the CPU; `null` when it is no failure of the GPU, or the GPU was demanded. */
  fallbackFor(error: unknown): Fallback | null {
    return this.#source.params.device === "auto" ? fallbackOf(error) : null;
  }

  async #startOn(
    device: DeviceChoice,
    signal: AbortSignal | undefined,
    fallback?: Fallback,
  ): Promise<ModelWorker<K>> {
    const { kind, params, startWorker, onProgress } = this.#source;
    const client = new WorkerClient(startWorker());
    const before = this.bytesFetched;
    try {
      const loaded = await client.call(
        kind,
        { ...params, device },
        {
          signal,
          onProgress: (progress) => {
            if ("bytesFetched" in progress) this.bytesFetched = before + progress.bytesFetched;
            onProgress(progress);
          },
        },
      );
      loaded.provenance = frozen({ ...loaded.provenance, ...(fallback && { fallback }) });
      return { client, loaded };
    } catch (error) {
      client.die(error);
      throw error;
    }
  }
}

/** A copy of plain data, which nobody can change. */
function frozen<T>(data: T): T {
  return JSON.parse(JSON.stringify(data), (_, value) => Object.freeze(value));
}
