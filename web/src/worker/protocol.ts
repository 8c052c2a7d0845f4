/**
 * Everything that is said between the page and the worker.
 *
 * The page sends requests, each with its own `id`, and may abort one. The worker answers every request that
 * was not aborted once, `done` or `failed`, after any number of `progress` messages. `died` concerns no
 * request: the worker cannot go on, whatever is pending has failed, and the page should terminate it. Nor does
 * `alive`: the worker holds this Web Lock, and whoever gets it knows that the worker is gone; nor `threads`: the page is
 * to start one for each port, to hand it that, and to terminate it with the worker.
 */
import type { ErrorRecord } from "../errors.js";
import type { ModelManifest } from "../manifest.js";
import type { Provenance, ProvenanceSignature } from "../provenance.js";

/** Where a model runs. */
export type DeviceKind =
  /** In WebAssembly, on as many threads as the page may have. */
  | "cpu"
  /** On the GPU. */
  | "webgpu";

/** Where the application wants it to run; `auto` is the GPU if it can be used, else the CPU. */
export type DeviceChoice = "auto" | DeviceKind;

/** What an embedding model computes in. */
export type EmbedderDtype =
  /** 32-bit floats, nearest to the reference. */
  | "f32"
  /** Eight bits: faster on the CPU, with a cosine of at least 0.997 to f32. */
  | "q8";

/** What the application wants it to compute in; `auto` is f32. */
export type EmbedderDtypeChoice = "auto" | EmbedderDtype;

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
  /** Why, as a word that never changes meaning. */
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
export interface Known {
  provenance: Provenance;
}

/** What a loaded embedding model says of itself. */
export interface Loaded extends Known {
  dimensions: number;
  maxTokens: number;
}

/** How far the loading of a model has come: first its files, then what is made of them. */
export type LoadProgress = ByteProgress | { /** The fraction done, 0..1. */ prepared: number };

/** Bytes of model files: `loaded` from anywhere, `fetched` from the network. */
export interface ByteProgress {
  bytesLoaded: number;
  bytesFetched: number;
  /** Infinity while nobody has said how many there are. */
  bytesTotal: number;
  /** How fast they come over the network, while they do. */
  perSecond?: number | undefined;
  /** Why the browser's storage does not take them. */
  notStored?: ErrorRecord | undefined;
}

/** Texts embedded. */
export interface EmbedProgress {
  /** How many are done. */
  done: number;
  /** How many there are. */
  total: number;
}

/** One message of a conversation, as the model is given it. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

/** Where the bytes of a language model are. */
export type ChatSource =
  | { kind: "manifest"; manifest: ModelManifest; modelHost: string }
  /** The address of one GGUF file, the last part of it, and its hash if that is known. */
  | { kind: "url"; url: string; name: string; sha256?: string | undefined }
  /** A GGUF file in the application's hands. */
  | { kind: "file"; file: Blob; name: string };

/** What a loaded language model says of itself. */
export interface ChatLoaded extends Known {
  /** Tokens of prompt and answer together. */
  contextWindow: number;
}

/** How an answer is chosen; what is left out has the engine's default. */
export interface Sampling {
  temperature?: number | undefined;
  topK?: number | undefined;
  topP?: number | undefined;
  minP?: number | undefined;
  repetitionPenalty?: number | undefined;
  presencePenalty?: number | undefined;
  frequencyPenalty?: number | undefined;
  seed?: number | undefined;
  stop?: string[] | undefined;
  maxTokens?: number | undefined;
}

/** Whether and how a conversation is to be answered. */
export interface ChatOptions extends Sampling {
  /** `false`: the messages are only read. */
  generate: boolean;
  /** What the answer begins with; it is not given again. */
  prefix?: string | undefined;
}

/** How long an answer took, or has taken so far, in milliseconds. */
export interface ChatTimes {
  /** From the request's arrival to the first token, waiting included. */
  firstTokenMs: number;
  /** Time in which the prompt was read, up to the first token. */
  prefillMs: number;
  /** Time in which the other tokens were made. */
  decodeMs: number;
}

/** What was done for an answer. */
export interface ChatFinish extends ChatTimes {
  /** Why it ended: by itself, at a stop text, at `maxTokens`, with the context full; or nothing was answered. */
  reason: "end" | "stop" | "max-tokens" | "context-full" | "appended";
  /** Tokens of the conversation without the answer. */
  promptTokens: number;
  /** Those of them that the session had read before. */
  reusedTokens: number;
  /** Tokens of the answer. */
  generatedTokens: number;
}

/** What happens while a conversation is answered. */
export type ChatProgress =
  /** The answer goes on; it has this many tokens. */
  | { text: string; tokens: number; times: ChatTimes }
  /** The oldest messages that may be left out, so many of them, no longer fit. Comes first, if at all. */
  | { dropped: number };

/** Every request: its parameters, its result, and what its `progress` messages carry. */
export interface Requests {
  load: {
    params: {
      manifest: ModelManifest;
      modelHost: string;
      device: DeviceChoice;
      dtype: EmbedderDtypeChoice;
      /** What the page has verified. */
      signature: ProvenanceSignature | null;
    };
    result: Loaded;
    progress: LoadProgress;
  };
  embed: {
    params: { texts: readonly string[] };
    /** `vectors`: texts × dimensions f32, transferred. `truncated`: indices of texts that were cut. */
    result: { vectors: Float32Array<ArrayBuffer>; truncated: Uint32Array };
    progress: EmbedProgress;
  };
  "chat-load": {
    params: {
      source: ChatSource;
      device: DeviceChoice;
      contextWindow: number | undefined;
      signature: ProvenanceSignature | null;
    };
    result: ChatLoaded;
    progress: LoadProgress;
  };
  /** Sessions are numbered by the page, and begin with their first request. */
  "chat-prompt": {
    params: {
      session: number;
      messages: readonly ChatMessage[];
      /** How many of the messages, from the first, are never left out. */
      keep: number;
      options: ChatOptions;
    };
    result: ChatFinish;
    progress: ChatProgress;
  };
  /** Gives the session `to` what `session` has read. */
  "chat-fork": { params: { session: number; to: number }; result: undefined; progress: never };
  "chat-close": { params: { session: number }; result: undefined; progress: never };
  /** The result is in tokens. */
  "chat-count": {
    params: { messages: readonly ChatMessage[]; generate: boolean };
    result: number;
    progress: never;
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

/** What a thread of a worker needs to join; it comes through its port, so that the page has no part in the memory. */
export interface ThreadStart {
  /** Address of the glue. */
  glue: string;
  module: WebAssembly.Module;
  /** The memory of the worker's instance. */
  memory: WebAssembly.Memory;
}

/** A request; or that the one of this id is aborted. */
export type ToWorker = { [K in RequestKind]: RequestMessage<K> }[RequestKind] | { id: number; kind: "abort" };

/** What a worker says, or a thread of it, which says `alive`. */
export type FromWorker =
  | { id: number; kind: "done"; result: Requests[RequestKind]["result"] }
  | { id: number; kind: "failed"; error: ErrorRecord }
  | { id: number; kind: "progress"; progress: Requests[RequestKind]["progress"] }
  | { kind: "alive"; lock: string }
  | { kind: "threads"; ports: MessagePort[] }
  | { kind: "died"; error: ErrorRecord };
