import type { Availability } from "./embedder.js";
import { addEventHandler } from "./event-handler.js";
import type { ModelManifest } from "./manifest.js";
import type { CreateMonitor } from "./monitor.js";
import type { Provenance } from "./provenance.js";
import type { ChatFinish, DeviceChoice, DeviceKind, Fallback } from "./worker/protocol.js";

/** What a message contains; of the kinds of the Prompt API, `text` is the one that there is. */
export type LanguageModelMessageType = "text" | "image" | "audio" | "tool-call" | "tool-response";

/** A part of a message. */
export interface LanguageModelMessageContent {
  type: "text";
  value: string;
}

/** A message of a conversation. */
export interface LanguageModelMessage {
  role: "system" | "user" | "assistant";
  content: string | readonly LanguageModelMessageContent[];
  /** Of the last message, an assistant's: the answer begins with it. */
  prefix?: boolean | undefined;
}

/** What can be prompted with: a text stands for one message of the user. */
export type LanguageModelPrompt = string | readonly LanguageModelMessage[];

/** A kind of input or output, and the languages it will be in, as BCP 47 tags. */
export interface LanguageModelExpected {
  type: LanguageModelMessageType;
  languages?: readonly string[] | undefined;
}

/** How varied answers are, in the words of the Prompt API; it stands for a temperature. */
export type LanguageModelSamplingMode =
  | "most-predictable"
  | "predictable"
  | "balanced"
  | "creative"
  | "most-creative";

/** How the next token of an answer is chosen, where that is not left to the engine (whose defaults are llama.cpp's). */
export interface LanguageModelSampling {
  samplingMode?: LanguageModelSamplingMode | undefined;
  /** 0 takes the most probable token, always. */
  temperature?: number | undefined;
  /** How many of the most probable tokens are considered; 0 is all. */
  topK?: number | undefined;
  /** The share of the probability that is considered, 0..1. */
  topP?: number | undefined;
  /** How probable a token must be to be considered, as a share of the most probable one's, 0..1. */
  minP?: number | undefined;
  /** Above 0; 1 changes nothing. */
  repetitionPenalty?: number | undefined;
  /** At least 0. */
  presencePenalty?: number | undefined;
  /** At least 0. */
  frequencyPenalty?: number | undefined;
  /** The same seed, the same answer. Without, every answer has its own. */
  seed?: number | undefined;
  /** Texts that end an answer and are not part of it: at most 64 of 256 bytes. */
  stop?: readonly string[] | undefined;
  /** The most tokens an answer may have. */
  maxTokens?: number | undefined;
}

/** What decides whether a model can be used. */
export interface LanguageModelCreateCoreOptions extends LanguageModelSampling {
  /**
   * A bundled model's name, a manifest of one's own, the address of a GGUF file, or such a file. A text is an
   * address if it ends in `.gguf` or begins with `http:` or `https:`. Default: `"smollm2-135m-instruct"`.
   */
  model?: string | URL | Blob | ModelManifest | undefined;
  /** The folder that holds `<model id>/<file path>`, relative to the document. Default: `"models/"`. */
  modelHost?: string | URL | undefined;
  /** Default: `"auto"`. A device that is named is never exchanged for another. */
  device?: DeviceChoice | undefined;
  /** The most tokens of prompt and answer together, where that is less than the model's own limit. */
  contextWindow?: number | undefined;
  expectedInputs?: readonly LanguageModelExpected[] | undefined;
  expectedOutputs?: readonly LanguageModelExpected[] | undefined;
}

/** How a {@link LanguageModel} is made. */
export interface LanguageModelCreateOptions extends LanguageModelCreateCoreOptions {
  /** How every conversation begins; never left out when the context is full. */
  initialPrompts?: readonly LanguageModelMessage[] | undefined;
  /**
   * A public key in PEM, or several of which one is enough: the model is refused unless the `model.sig` beside it is by one of
   * them, and covers every file. Ed25519, or ECDSA on P-256, P-384 or P-521. `availability` does not look for the signature.
   */
  publicKey?: string | undefined;
  /** Receives the event target that reports the download and what follows it, up to the initial prompts. */
  monitor?: ((monitor: CreateMonitor) => void) | undefined;
  /** Ends the creation, and later the session. */
  signal?: AbortSignal | undefined;
}

/** What may accompany an operation. */
export interface LanguageModelAppendOptions {
  signal?: AbortSignal | undefined;
}

/** How a prompt is answered. */
export interface LanguageModelPromptOptions extends LanguageModelAppendOptions {
  /** Not supported yet: rejects with `NotSupportedError`. */
  responseConstraint?: object | null | undefined;
  omitResponseConstraintInput?: boolean | undefined;
}

/** How the last answer came about. */
export type LanguageModelMetrics = Readonly<ChatFinish>;

/**
 * A conversation with a language model, as the Prompt API of the W3C's Web Machine Learning group has it
 * (https://webmachinelearning.github.io/prompt-api/), with a model of the application's choice.
 *
 * Prompts and appends of one session are done one after the other, sessions take turns; `clone` and
 * `measureContextUsage` do not wait, and take the conversation as it is. A call that fails or is aborted leaves it as it
 * was, but for the oldest messages that were left out to make room.
 *
 * Errors have the names that the specification gives them. Beyond validation and aborts they are
 * `InglenookError`s, with a `code`.
 */
export abstract class LanguageModel extends EventTarget {
  /**
   * What to expect of `create` with the same options: `available` when the model is in the browser's cache or on
   * disk, `unavailable` when this browser cannot run it on that device or there is no such input or output.
   */
  static async availability(options?: LanguageModelCreateCoreOptions): Promise<Availability> {
    return (await implementation()).availability(options ?? {});
  }

  /**
   * Downloads the model, or takes it from the cache, verifies it, loads it in a worker of its own, and reads the
   * initial prompts.
   *
   * @throws `NotSupportedError`, `NetworkError`, `QuotaExceededError` when the initial prompts do not fit,
   *   `OperationError`, `TypeError` or `SyntaxError` for prompts that are none; the signal's reason when aborted
   */
  static async create(options?: LanguageModelCreateOptions): Promise<LanguageModel> {
    return (await implementation()).create(options ?? {});
  }

  /** Called, as are listeners of `contextoverflow`, when the oldest messages are left out to make room. */
  declare oncontextoverflow: ((event: Event) => void) | null;
  /** Called, as are listeners of `devicechange`, after the model has moved from the GPU to the CPU. */
  declare ondevicechange: ((event: Event) => void) | null;

  /** Sessions come from {@link LanguageModel.create}. @throws `TypeError` when called as it is */
  constructor() {
    if (new.target === LanguageModel) throw new TypeError("Illegal constructor");
    super();
    addEventHandler(this, "contextoverflow");
    addEventHandler(this, "devicechange");
  }

  /** Tokens of the conversation so far. */
  abstract get contextUsage(): number;
  /** Tokens that prompts and answers can have together. */
  abstract get contextWindow(): number;
  abstract get samplingMode(): LanguageModelSamplingMode;

  /** The model's name, or its file's. */
  abstract get model(): string;
  /** Where the model runs now. */
  abstract get device(): DeviceKind;
  /** Why it does not run on the GPU; `null` when it does, or when `device: "cpu"` was asked for. */
  abstract get fallback(): Fallback | null;
  /** What answers come from: model, hashes, build and device. */
  abstract get provenance(): Provenance;
  /** Bytes of model files that came over the network, and neither from the cache nor from disk. */
  abstract get bytesFetched(): number;
  /** How the last answer of this session came about; `null` before the first. */
  abstract get metrics(): LanguageModelMetrics | null;

  /**
   * Answers.
   *
   * @throws `QuotaExceededError`, with `requested` and `quota` in tokens, when the input does not fit the context;
   *   `TypeError`, `SyntaxError` or `NotSupportedError` for an input that is none; `AbortError` when destroyed, or
   *   the signal's reason
   */
  abstract prompt(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<string>;

  /** Answers piece by piece. Cancelling the stream ends the answer, and takes the turn back. */
  abstract promptStreaming(
    input: LanguageModelPrompt,
    options?: LanguageModelPromptOptions,
  ): ReadableStream<string>;

  /** Has the model read messages without answering. */
  abstract append(input: LanguageModelPrompt, options?: LanguageModelAppendOptions): Promise<void>;

  /** How many tokens a prompt with `input` would add to the conversation. */
  abstract measureContextUsage(
    input: LanguageModelPrompt,
    options?: LanguageModelPromptOptions,
  ): Promise<number>;

  /** Another session that goes on from here, with the same model in the same worker. */
  abstract clone(options?: LanguageModelAppendOptions): Promise<LanguageModel>;

  /** Ends the session, and with the last one its worker. Pending and later calls reject with `AbortError`. */
  abstract destroy(): void;
}

/** Makes {@link LanguageModel} the global one where the browser has none; `true` if it does now. */
export function install(): boolean {
  const scope = globalThis as { LanguageModel?: unknown };
  if (scope.LanguageModel) return false;
  scope.LanguageModel = LanguageModel;
  return true;
}

/** Loaded when first needed: a page that only embeds does without. */
function implementation() {
  return import("./language-model/create.js");
}
