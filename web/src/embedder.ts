import { type Embeddings, toEmbeddings } from "./embeddings.js";
import { InglenookError } from "./errors.js";
import { type ModelManifest, totalBytes } from "./manifest.js";
import { ModelLoader, type ModelWorker } from "./model-loader.js";
import { resolveHost, resolveModel } from "./models.js";
import { type CreateMonitor, watchDownload } from "./monitor.js";
import { findCached, openCache } from "./worker/cache.js";
import { probeGpu } from "./worker/gpu-probe.js";
import type { DeviceChoice, DeviceKind, EmbedProgress, Fallback } from "./worker/protocol.js";
import { hasSimd, requireSimd } from "./worker/simd.js";

/** Which model, from where, and on what. */
export interface EmbedderSource {
  /** A bundled model's name, or a manifest of one's own. Default: `"all-minilm-l6-v2-q8_0"`. */
  model?: string | ModelManifest | undefined;
  /** The folder that holds `<model id>/<file path>`, relative to the document. Default: `"models/"`. */
  modelHost?: string | URL | undefined;
  /** Default: `"auto"`. A device that is named is never exchanged for another. */
  device?: DeviceChoice | undefined;
}

/** How an {@link Embedder} is made. */
export interface EmbedderOptions extends EmbedderSource {
  /** Receives the event target that reports the download. */
  monitor?: ((monitor: CreateMonitor) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** How one call of `embed` behaves. */
export interface EmbedOptions {
  signal?: AbortSignal | undefined;
  /** Called every 50 ms or so, and at the end; `done` never goes back. */
  onProgress?: ((progress: EmbedProgress) => void) | undefined;
}

/** Whether a model can be used, in the words of the W3C Prompt API. */
export type Availability = "unavailable" | "downloadable" | "downloading" | "available";

/** The models that this page is creating right now. */
const creating = new Set<ModelManifest>();

/** A model that turns texts into vectors: texts of similar meaning become vectors of similar direction. */
export class Embedder extends EventTarget {
  /** The model's name. */
  readonly model: string;
  /** Called, as are listeners of `devicechange`, after work has moved from the GPU to the CPU. */
  ondevicechange: ((event: Event) => void) | null = null;
  readonly #loader: ModelLoader;
  readonly #life = new AbortController();
  #worker: ModelWorker;
  #moving: Promise<void> | undefined;

  private constructor(loader: ModelLoader, worker: ModelWorker) {
    super();
    this.model = loader.source.manifest.id;
    this.#loader = loader;
    this.#worker = worker;
  }

  /**
   * What to expect of `create` with the same options: `available` when every file is already in the browser's
   * cache, `unavailable` when this browser cannot run the model on that device.
   *
   * @throws {@link InglenookError} `unknown-model`
   */
  static async availability({ model, device }: EmbedderSource = {}): Promise<Availability> {
    const { id, files } = resolveModel(model);
    if (!hasSimd() || (device === "webgpu" && (await probeGpu()))) return "unavailable";
    const cache = await openCache();
    const cached = await Promise.all(files.map((file) => findCached(cache, file)));
    if (cached.every(Boolean)) return "available";
    return [...creating].some((other) => other.id === id) ? "downloading" : "downloadable";
  }

  /**
   * Downloads the model, or takes it from the cache, verifies it, and loads it in a worker of its own.
   *
   * @throws {@link InglenookError} for whatever is wrong with the network, the files or the device; the
   *   signal's reason when aborted
   */
  static async create(options: EmbedderOptions = {}): Promise<Embedder> {
    const { model, modelHost, device = "auto", monitor, signal } = options;
    signal?.throwIfAborted();
    if (!["auto", "cpu", "webgpu"].includes(device)) {
      throw new InglenookError(
        "invalid-input",
        `There is no device "${device}": it is "auto", "cpu" or "webgpu".`,
      );
    }
    requireSimd();
    const manifest = resolveModel(model);
    const onBytes = watchDownload(monitor, totalBytes(manifest));
    const loader = new ModelLoader({ manifest, modelHost: resolveHost(modelHost), device }, onBytes);
    creating.add(manifest);
    try {
      return new Embedder(loader, await loader.start(signal));
    } finally {
      creating.delete(manifest);
    }
  }

  /** Numbers in every vector. */
  get dimensions(): number {
    return this.#worker.loaded.dimensions;
  }

  /** Tokens of a text that the model reads; what comes after is cut off. */
  get maxTokens(): number {
    return this.#worker.loaded.maxTokens;
  }

  /** Where the model runs now. */
  get device(): DeviceKind {
    return this.#worker.loaded.device;
  }

  /** Why it does not run on the GPU; `null` when it does, or when `device: "cpu"` was asked for. */
  get fallback(): Fallback | null {
    return this.#worker.loaded.fallback;
  }

  /** Bytes of model files that came over the network, and not from the cache. */
  get bytesFetched(): number {
    return this.#loader.bytesFetched;
  }

  /**
   * Embeds texts. Unpaired surrogates count as U+FFFD. Calls made at the same time take turns.
   *
   * If the GPU fails in the middle, an embedder with `device: "auto"` does the whole call again on the CPU.
   *
   * @returns `texts.length` vectors, each `[dimensions]` f32
   * @throws {@link InglenookError} `invalid-input`, `destroyed`, `out-of-memory`, or `gpu-*` if the GPU was
   *   demanded; the signal's reason when aborted
   */
  async embed(texts: readonly string[], { signal, onProgress }: EmbedOptions = {}): Promise<Embeddings> {
    this.#life.signal.throwIfAborted();
    signal?.throwIfAborted();
    const params = { texts: checkedTexts(texts) };
    const options = { signal, onProgress: onProgress && rising(onProgress) };
    while (params.texts.length > 0) {
      const worker = this.#worker;
      try {
        const { vectors, truncated } = await worker.client.call("embed", params, options);
        return toEmbeddings(vectors, worker.loaded.dimensions, truncated);
      } catch (error) {
        const fallback = this.#loader.fallbackFor(error);
        if (!fallback) throw error;
        await unlessAborted(this.#leave(worker, fallback), signal);
      }
    }
    return toEmbeddings(new Float32Array(), this.dimensions, []);
  }

  /** Ends the worker and gives its memory back. Pending and later calls reject with `destroyed`. */
  destroy(): void {
    const error = new InglenookError("destroyed", "The embedder was destroyed.");
    this.#life.abort(error);
    this.#worker.client.die(error);
  }

  /** Moves from a worker whose GPU has failed; of several calls that fail together, the first moves for all. */
  async #leave(worker: ModelWorker, fallback: Fallback): Promise<void> {
    if (this.#worker !== worker) return;
    this.#moving ??= this.#moveToCpu(fallback).finally(() => {
      this.#moving = undefined;
    });
    await this.#moving;
  }

  async #moveToCpu(fallback: Fallback): Promise<void> {
    this.#worker = await this.#loader.startOnCpu(fallback, this.#life.signal);
    const event = new Event("devicechange");
    this.dispatchEvent(event);
    this.ondevicechange?.(event);
  }
}

/** A copy, so that a caller who changes the array meanwhile gets what was asked for. */
function checkedTexts(texts: readonly string[]): string[] {
  if (Array.isArray(texts) && texts.every((text) => typeof text === "string")) return [...texts];
  throw new InglenookError("invalid-input", "embed() takes an array of strings.");
}

/** Keeps progress from going back when the work begins again on another device. */
function rising(onProgress: (progress: EmbedProgress) => void): (progress: EmbedProgress) => void {
  let most = -1;
  return (progress) => {
    if (progress.done <= most) return;
    most = progress.done;
    onProgress(progress);
  };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
