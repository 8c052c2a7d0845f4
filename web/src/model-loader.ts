import type { ModelManifest } from "./manifest.js";
import { fallbackOf } from "./worker/gpu-probe.js";
import type { DeviceChoice, Fallback, Loaded } from "./worker/protocol.js";
import { startWorker, WorkerClient } from "./worker-client.js";

/** A worker with a model in it. */
export interface ModelWorker {
  client: WorkerClient;
  loaded: Loaded;
}

/** What to load. */
export interface ModelSource {
  manifest: ModelManifest;
  /** Absolute, ending in a slash. */
  modelHost: string;
  device: DeviceChoice;
}

/**
 * Starts workers for one model: the first one, and another when the GPU has failed.
 *
 * A wasm instance never gives memory back, and after a failure it cannot be trusted: so the CPU takes over in
 * a new worker, once the old one has ended.
 */
export class ModelLoader {
  readonly source: ModelSource;
  /** Bytes of model files that came over the network, for all workers together. */
  bytesFetched = 0;
  readonly #onBytes: (bytesLoaded: number) => void;

  constructor(source: ModelSource, onBytes: (bytesLoaded: number) => void) {
    this.source = source;
    this.#onBytes = onBytes;
  }

  /** Loads the model on the chosen device, or on the CPU if the GPU fails and that is allowed. */
  async start(signal: AbortSignal | undefined): Promise<ModelWorker> {
    try {
      return await this.#startOn(this.source.device, signal);
    } catch (error) {
      const fallback = this.fallbackFor(error);
      if (!fallback) throw error;
      return this.startOnCpu(fallback, signal);
    }
  }

  async startOnCpu(fallback: Fallback, signal: AbortSignal | undefined): Promise<ModelWorker> {
    const worker = await this.#startOn("cpu", signal);
    worker.loaded.fallback = fallback;
    return worker;
  }

  /** Why `error` moves the model to the CPU; `null` when it is no failure of the GPU, or the GPU was demanded. */
  fallbackFor(error: unknown): Fallback | null {
    return this.source.device === "auto" ? fallbackOf(error) : null;
  }

  async #startOn(device: DeviceChoice, signal: AbortSignal | undefined): Promise<ModelWorker> {
    const client = new WorkerClient(startWorker());
    const before = this.bytesFetched;
    try {
      const loaded = await client.call(
        "load",
        { ...this.source, device },
        {
          signal,
          onProgress: ({ bytesLoaded, bytesFetched }) => {
            this.bytesFetched = before + bytesFetched;
            this.#onBytes(bytesLoaded);
          },
        },
      );
      return { client, loaded };
    } catch (error) {
      client.die(error);
      throw error;
    }
  }
}
