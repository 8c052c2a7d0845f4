/**
 * Everything that is said between the page and the worker.
 *
 * The page sends requests, each with its own `id`, and may abort one. The worker answers every request that
 * was not aborted once, `done` or `failed`, after any number of `progress` messages. `died` concerns no
 * request: the worker cannot go on, whatever is pending has failed, and the page should terminate it.
 */
import type { ErrorRecord } from "../errors.js";
import type { ModelManifest } from "../manifest.js";

/** Where a model runs. */
export type DeviceKind = "cpu" | "webgpu";

/** Where the application wants it to run; `auto` is the GPU if it can be used, else the CPU. */
export type DeviceChoice = "auto" | DeviceKind;

/** Why the GPU is not used although it was allowed. */
export type FallbackReason =
  /** The browser has no `navigator.gpu`. */
  | "no-webgpu"
  /** WebGPU is there, but no adapter (or no device of it) can be had. */
  | "no-adapter"
  /** The adapter has less than WebGPU's default limits. */
  | "limits-too-small"
  /** The GPU computed other numbers than the CPU. */
  | "self-test-failed"
  /** The device was lost: driver restart, sleep, memory pressure. */
  | "device-lost"
  /** Another GPU error, at start or in the middle of work. */
  | "gpu-error";

/** The device that was not used, explained. */
export interface Fallback {
  readonly reason: FallbackReason;
  /** One sentence for a person. */
  readonly message: string;
}

/** One match of a search. */
export interface SearchHit {
  /** Position in the order of `add`, from 0. */
  index: number;
  /** Dot product with the query. */
  score: number;
}

/** What a loaded model says of itself. */
export interface Loaded {
  device: DeviceKind;
  fallback: Fallback | null;
  dimensions: number;
  maxTokens: number;
}

/** Bytes of model files: `loaded` from anywhere, `fetched` from the network. */
export interface LoadProgress {
  bytesLoaded: number;
  bytesFetched: number;
}

/** Texts embedded. */
export interface EmbedProgress {
  done: number;
  total: number;
}

/** Every request: its parameters, its result, and what its `progress` messages carry. */
export interface Requests {
  load: {
    params: { manifest: ModelManifest; modelHost: string; device: DeviceChoice };
    result: Loaded;
    progress: LoadProgress;
  };
  embed: {
    params: { texts: readonly string[] };
    /** `vectors`: texts × dimensions f32, transferred. `truncated`: indices of texts that were cut. */
    result: { vectors: Float32Array<ArrayBuffer>; truncated: Uint32Array };
    progress: EmbedProgress;
  };
  "index-open": { params: { dimensions: number }; result: undefined; progress: never };
  /** `vectors`: n × dimensions f32, transferred. The result is the new size. */
  "index-add": { params: { vectors: Float32Array<ArrayBuffer> }; result: number; progress: never };
  "index-search": { params: { query: Float32Array; k: number }; result: SearchHit[]; progress: never };
  "index-clear": { params: Record<string, never>; result: undefined; progress: never };
}

export type RequestKind = keyof Requests;

/** One request of a given kind. */
export interface RequestMessage<K extends RequestKind> {
  id: number;
  kind: K;
  params: Requests[K]["params"];
}

export type ToWorker = { [K in RequestKind]: RequestMessage<K> }[RequestKind] | { id: number; kind: "abort" };

export type FromWorker =
  | { id: number; kind: "done"; result: Requests[RequestKind]["result"] }
  | { id: number; kind: "failed"; error: ErrorRecord }
  | { id: number; kind: "progress"; progress: Requests[RequestKind]["progress"] }
  | { kind: "died"; error: ErrorRecord };
