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
  /** There is only text. */
  type: "text";
  /** The text. */
  value: string;
}

/** A message of a conversation. */
export interface LanguageModelMessage {
  /** Who says it; `system` only in the first message of a conversation. */
  role: "system" | "user" | "assistant";
  /** What is said: a text, or its parts, which are put together with nothing between them. */
  content: string | readonly LanguageModelMessageContent[];
  /** Of the last message, an assistant's: the answer begins with it. */
  prefix?: boolean | undefined;
}

/** What can be prompted with: a text stands for one message of the user. */
export type LanguageModelPrompt = string | readonly LanguageModelMessage[];

/** A kind of input or output, and the languages it will be in, as BCP 47 tags. */
export interface LanguageModelExpected {
  /** Anything but `text` is refused. */
  type: LanguageModelMessageType;
  /** BCP 47 tags; any will do. */
  languages?: readonly string[] | undefined;
}

/** How varied answers are, in the words of the Prompt API; it stands for a temperature. */
export type LanguageModelSamplingMode =
  /** Temperature 0: the most probable token, always. */
  | "most-predictable"
  /** Temperature 0.4. */
  | "predictable"
  /** The engine's temperature, 0.8. */
  | "balanced"
  /** Temperature 1. */
  | "creative"
  /** Temperature 1.3. */
  | "most-creative";

/**
 * How the next token of an answer is chosen, where that is not left to the engine (whose defaults are llama.cpp's).
 *
 * @example
 * ```ts
 * import { LanguageModel } from "inglenook";
 *
 * const session = await LanguageModel.create({ seed: 7, stop: ["."], maxTokens: 30 });
 * const [one, other] = [await session.clone(), await session.clone()];
 * const question = "What is a kettle?";
 * console.log((await one.prompt(question)) === (await other.prompt(question))); // true
 * console.log(one.metrics?.reason); // "stop" or "max-tokens"
 * for (const each of [session, one, other]) each.destroy();
 * ```
 */
export interface LanguageModelSampling {
  /** How varied answers are, in a word; `temperature` is the same as a number, and counts for more. Default: `"balanced"`. */
  samplingMode?: LanguageModelSamplingMode | undefined;
  /** What logits are divided by: at least 0, which takes the most probable token, always. Default: 0.8. */
  temperature?: number | undefined;
  /** How many of the most probable tokens are considered; 0 is all. Default: 40. */
  topK?: number | undefined;
  /** The share of the probability that is considered, 0..1. Default: 0.95. */
  topP?: number | undefined;
  /** How probable a token must be to be considered, as a share of the most probable one's, 0..1. Default: 0.05. */
  minP?: number | undefined;
  /** What the logit of a recent token is divided by, or multiplied where it is negative: above 0. Default: 1. */
  repetitionPenalty?: number | undefined;
  /** What is taken off the logit of a recent token: at least 0. Default: 0. */
  presencePenalty?: number | undefined;
  /** What is taken off the logit of a recent token for each time it occurs: at least 0. Default: 0. */
  frequencyPenalty?: number | undefined;
  /** A whole number from 0. The same seed, the same answer. Default: every answer has its own. */
  seed?: number | undefined;
  /** Texts that end an answer and are not part of it: at most 64 of 256 bytes. Default: none. */
  stop?: readonly string[] | undefined;
  /** The most tokens an answer may have, at least 1. Default: what the context holds. */
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
  /** Where it is to run. A device that is named is never exchanged for another. Default: `"auto"`. */
  device?: DeviceChoice | undefined;
  /** The most tokens of prompt and answer together, where that is less than the model's own limit, which is the default. */
  contextWindow?: number | undefined;
  /** What will be put in, as in the Prompt API; anything but text is refused. */
  expectedInputs?: readonly LanguageModelExpected[] | undefined;
  /** What will come out, likewise. */
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
  /** Ends the operation, which rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** How a prompt is answered. */
export interface LanguageModelPromptOptions extends LanguageModelAppendOptions {
  /** Not supported yet: rejects with `NotSupportedError`. */
  responseConstraint?: object | null | undefined;
  /** Of the Prompt API; without a constraint it means nothing. */
  omitResponseConstraintInput?: boolean | undefined;
}

/** How the last answer came about: why it ended, its tokens, and milliseconds. */
export interface LanguageModelMetrics extends Readonly<ChatFinish> {}

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
 *
 * @example
 * ```ts
 * import { LanguageModel } from "inglenook";
 *
 * const session = await LanguageModel.create({
 *   initialPrompts: [{ role: "system", content: "You answer in one short sentence." }],
 *   maxTokens: 40,
 * });
 * for await (const text of session.promptStreaming("What is a kettle for?")) console.log(text);
 * console.log(session.metrics?.generatedTokens, session.device);
 * session.destroy();
 * ```
 */
export abstract class LanguageModel extends EventTarget {
  /**
   * What to expect of `create` with the same options: `available` when the model is in the browser's cache or on
   * disk, `unavailable` when this browser cannot run it on that device or there is no such input or output.
   *
   * @param options - those of `create` that matter to this
   * @throws `NotSupportedError` for a name that no model has, `TypeError` for what is no input or output
   */
  static async availability(options?: LanguageModelCreateCoreOptions): Promise<Availability> {
    return (await implementation()).availability(options ?? {});
  }

  /**
   * Downloads the model, or takes it from the cache, verifies it, loads it in a worker of its own, and reads the
   * initial prompts.
   *
   * @param options - which model, on what, how it answers and how it begins; everything has a default
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
  /** How varied its answers are, as it was created. */
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
   * Answers, and makes the input and the answer part of the conversation.
   *
   * @param input - a text of the user's, or messages; a last one with `prefix` is how the answer begins
   * @param options - a signal to stop by
   * @returns the answer, without its prefix
   * @throws `QuotaExceededError`, with `requested` and `quota` in tokens, when the input does not fit the context;
   *   `TypeError`, `SyntaxError` or `NotSupportedError` for an input that is none; `AbortError` when destroyed, or
   *   the signal's reason
   */
  abstract prompt(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<string>;

  /**
   * Answers piece by piece. Cancelling the stream ends the answer, and takes the turn back.
   *
   * @param input - as of `prompt`
   * @param options - a signal to stop by
   * @returns the pieces, whose concatenation is the answer; what `prompt` would reject with is the stream's error
   */
  abstract promptStreaming(
    input: LanguageModelPrompt,
    options?: LanguageModelPromptOptions,
  ): ReadableStream<string>;

  /**
   * Has the model read messages without answering.
   *
   * @param input - a text of the user's, or messages of anyone's: a conversation of another day, for example
   * @param options - a signal to stop by
   * @throws as `prompt`
   */
  abstract append(input: LanguageModelPrompt, options?: LanguageModelAppendOptions): Promise<void>;

  /**
   * How many tokens a prompt with `input` would add to the conversation.
   *
   * @param input - as of `prompt`
   * @param options - a signal to stop by
   */
  abstract measureContextUsage(
    input: LanguageModelPrompt,
    options?: LanguageModelPromptOptions,
  ): Promise<number>;

  /**
   * Another session that goes on from here, with the same model in the same worker.
   *
   * @param options - a signal to stop by
   */
  abstract clone(options?: LanguageModelAppendOptions): Promise<LanguageModel>;

  /** Ends the session, and with the last one its worker. Pending and later calls reject with `AbortError`. */
  abstract destroy(): void;
}

/**
 * Makes {@link LanguageModel} the global one where the browser has none, for code that was written for the browser's own.
 *
 * @returns whether it is the global one now, and was not before
 *
 * @example
 * ```ts
 * import { install, LanguageModel } from "inglenook";
 *
 * console.log(install() ? "this package's" : "the browser's own");
 * console.log("LanguageModel" in globalThis); // true
 * ```
 */
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
