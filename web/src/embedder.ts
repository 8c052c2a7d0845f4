import { type Embeddings, toEmbeddings } from "./embeddings.js";
import { InglenookError } from "./errors.js";
import { addEventHandler } from "./event-handler.js";
import { type ModelManifest, totalBytes } from "./manifest.js";
import { ModelHost } from "./model-host.js";
import { checkDevice, checkDtype, resolveEmbedder, resolveHost } from "./models.js";
import { type CreateMonitor, watchLoad } from "./monitor.js";
import type { Provenance } from "./provenance.js";
import { fits, requireRoom } from "./room.js";
import { verifySigned } from "./signed.js";
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
  /** Where it is to run. A device that is named is never exchanged for another. Default: `"auto"`. */
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
  /**
   * A public key in PEM, or several of which one is enough: the model is refused unless the `model.sig` beside it is by one of
   * them, and covers every file. Ed25519, or ECDSA on P-256, P-384 or P-521. `availability` does not look for the signature.
   */
  publicKey?: string | undefined;
  /** Receives the event target that reports the download and what follows it. */
  monitor?: ((monitor: CreateMonitor) => void) | undefined;
  /** Ends the creation: `create` rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** How one call of `embed` behaves. */
export interface EmbedOptions {
  /** Ends the call after the batch that is running: `embed` rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Called every 50 ms or so, and at the end; `done` never goes back. */
  onProgress?: ((progress: EmbedProgress) => void) | undefined;
}

/** Whether a model can be used, in the words of the W3C Prompt API. */
export type Availability =
  /** This browser cannot run it. */
  | "unavailable"
  /** `create` would fetch it, or what is missing of it. */
  | "downloadable"
  /** This page is fetching it. */
  | "downloading"
  /** All of it is here. */
  | "available";

/** The models that this page is creating right now. */
const creating = new Set<ModelManifest>();

/**
 * A model that turns texts into vectors: texts of similar meaning become vectors of similar direction.
 *
 * It computes in a worker of its own. It is an event target that fires `devicechange`.
 *
 * @example
 * ```ts
 * import { Embedder, similarity } from "inglenook";
 *
 * const embedder = await Embedder.create();
 * const [kettle, tea, train] = await embedder.embed([
 *   "The kettle is on the hob.",
 *   "Tea will be ready soon.",
 *   "The train leaves at nine.",
 * ]);
 * console.log(similarity(kettle, tea) > similarity(kettle, train)); // true
 * embedder.destroy();
 * ```
 */
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
   * @param options - `modelHost` changes nothing
   * @throws {@link InglenookError} `unknown-model`, `invalid-input` for a device that there is not
   */
  static async availability({ model, device }: EmbedderSource = {}): Promise<Availability> {
    checkDevice(device);
    const manifest = await resolveEmbedder(model);
    const canRun = hasSimd() && fits(totalBytes(manifest));
    if (!canRun || (device === "webgpu" && (await probeGpu()))) return "unavailable";
    const { areStored } = await import("./model-store.js");
    if (await areStored(manifest.files.map(({ sha256 }) => sha256))) return "available";
    return [...creating].some((other) => other.id === manifest.id) ? "downloading" : "downloadable";
  }

  /**
   * Downloads the model, or takes it from the cache, verifies it, and loads it in a worker of its own.
   *
   * @param options - which model, from where, on what; everything has a default
   * @throws {@link InglenookError} for whatever is wrong with the network, the files or the device; the
   *   signal's reason when aborted
   */
  static async create(options: EmbedderOptions = {}): Promise<Embedder> {
    const { model, modelHost, device = "auto", dtype = "auto", publicKey, monitor, signal } = options;
    signal?.throwIfAborted();
    checkDevice(device);
    checkDtype(dtype);
    requireSimd();
    const manifest = await resolveEmbedder(model);
    requireRoom(manifest.id, totalBytes(manifest));
    const source = { kind: "manifest", manifest, modelHost: resolveHost(modelHost) } as const;
    const onProgress = watchLoad(monitor);
    creating.add(manifest);
    try {
      const signed = await verifySigned(publicKey, source, signal);
      const params = { ...signed.source, device, dtype, signature: signed.signature };
      const host = await ModelHost.start({ kind: "load", params, startWorker, onProgress }, signal);
      return new Embedder(manifest.id, host);
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
    return this.provenance.device.kind;
  }

  /** What its matrices are multiplied in now. */
  get dtype(): EmbedderDtype {
    return this.provenance.dtype;
  }

  /** Why it does not run on the GPU; `null` when it does, or when `device: "cpu"` was asked for. */
  get fallback(): Fallback | null {
    return this.provenance.fallback;
  }

  /** What vectors come from: model, hashes, build and device. */
  get provenance(): Provenance {
    return this.#host.loaded.provenance;
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
   * @param texts - any number of them, of any length; what is behind `maxTokens` is cut off
   * @param options - a signal to stop by, and a function that is told how far it is
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
