import { type Embeddings, toEmbeddings } from "./embeddings.js";
import { InglenookError } from "./errors.js";
import { addEventHandler } from "./event-handler.js";
import { type ModelManifest, totalBytes } from "./manifest.js";
import { ModelHost } from "./model-host.js";
import { checkDevice, checkDtype, resolveHost, resolveModel } from "./models.js";
import { type CreateMonitor, watchLoad } from "./monitor.js";
import { fits, requireRoom } from "./room.js";
import { probeGpu } from "./worker/gpu-probe.js";
import type {
  DeviceChoice,
  DeviceKind,
  EmbedderDtype,
  EmbedderDtypeChoice,
  EmbedProgress,
  Fallback,
} from "./worker/protocol.js";
import { hasSimd, requireSimd } from "./worker/simd.js";
import { startWorker } from "./worker-client.js";

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
  /**
   * What the model's matrices are multiplied in. `"q8"`, eight bits, is faster on the CPU, from a file of any type, and
   * keeps the matrices in less memory; its vectors have a cosine of at least 0.997 to those of f32. A GPU computes in
   * f32. Default: `"auto"`, which is f32.
   */
  dtype?: EmbedderDtypeChoice | undefined;
  /** Receives the event target that reports the download and what follows it. */
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
  declare ondevicechange: ((event: Event) => void) | null;
  readonly #host: ModelHost<"load">;

  private constructor(model: string, host: ModelHost<"load">) {
    super();
    this.model = model;
    this.#host = host;
    addEventHandler(this, "devicechange");
    host.onmove = () => this.dispatchEvent(new Event("devicechange"));
  }

  /**
   * What to expect of `create` with the same options: `available` when every file is already in the browser's
   * storage, `unavailable` when this browser cannot run the model on that device, or it is too large for memory.
   *
   * @throws {@link InglenookError} `unknown-model`
   */
  static async availability({ model, device }: EmbedderSource = {}): Promise<Availability> {
    const manifest = resolveModel(model);
    const canRun = hasSimd() && fits(totalBytes(manifest));
    if (!canRun || (device === "webgpu" && (await probeGpu()))) return "unavailable";
    const { areStored } = await import("./model-store.js");
    if (await areStored(manifest.files.map(({ sha256 }) => sha256))) return "available";
    return [...creating].some((other) => other.id === manifest.id) ? "downloading" : "downloadable";
  }

  /**
   * Downloads the model, or takes it from the cache, verifies it, and loads it in a worker of its own.
   *
   * @throws {@link InglenookError} for whatever is wrong with the network, the files or the device; the
   *   signal's reason when aborted
   */
  static async create(options: EmbedderOptions = {}): Promise<Embedder> {
    const { model, modelHost, device = "auto", dtype = "auto", monitor, signal } = options;
    signal?.throwIfAborted();
    checkDevice(device);
    checkDtype(dtype);
    requireSimd();
    const manifest = resolveModel(model);
    requireRoom(manifest.id, totalBytes(manifest));
    const params = { manifest, modelHost: resolveHost(modelHost), device, dtype };
    const onProgress = watchLoad(monitor);
    creating.add(manifest);
    try {
      return new Embedder(
        manifest.id,
        await ModelHost.start({ kind: "load", params, startWorker, onProgress }, signal),
      );
    } finally {
      creating.delete(manifest);
    }
  }

  /** Numbers in every vector. */
  get dimensions(): number {
    return this.#host.loaded.dimensions;
  }

  /** Tokens of a text that the model reads; what comes after is cut off. */
  get maxTokens(): number {
    return this.#host.loaded.maxTokens;
  }

  /** Where the model runs now. */
  get device(): DeviceKind {
    return this.#host.loaded.device;
  }

  /** What its matrices are multiplied in now. */
  get dtype(): EmbedderDtype {
    return this.#host.loaded.dtype;
  }

  /** Why it does not run on the GPU; `null` when it does, or when `device: "cpu"` was asked for. */
  get fallback(): Fallback | null {
    return this.#host.loaded.fallback;
  }

  /** Bytes of model files that came over the network, and not from the cache. */
  get bytesFetched(): number {
    return this.#host.bytesFetched;
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
    this.#host.life.throwIfAborted();
    signal?.throwIfAborted();
    const params = { texts: checkedTexts(texts) };
    const options = { signal, onProgress: onProgress && rising(onProgress) };
    if (params.texts.length > 0) {
      return this.#host.run(async ({ client, loaded }) => {
        const { vectors, truncated } = await client.call("embed", params, options);
        return toEmbeddings(vectors, loaded.dimensions, truncated);
      }, signal);
    }
    return toEmbeddings(new Float32Array(), this.dimensions, []);
  }

  /** Ends the worker and gives its memory back. Pending and later calls reject with `destroyed`. */
  destroy(): void {
    this.#host.end(new InglenookError("destroyed", "The embedder was destroyed."));
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
