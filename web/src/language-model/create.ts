import type { Availability } from "../embedder.js";
import { InglenookError } from "../errors.js";
import type {
  LanguageModel,
  LanguageModelCreateCoreOptions,
  LanguageModelCreateOptions,
} from "../language-model.js";
import { checkDevice } from "../models.js";
import { watchLoad } from "../monitor.js";
import { fits, requireRoom } from "../room.js";
import { verifySigned } from "../signed.js";
import { probeGpu } from "../worker/gpu-probe.js";
import type { ChatMessage, ChatSource, Requests } from "../worker/protocol.js";
import { hasSimd, requireSimd } from "../worker/simd.js";
import { ChatEngine } from "./engine.js";
import { inSpecWords } from "./exceptions.js";
import { canonicalPrompt, supportsAll, wholeMessages } from "./prompt.js";
import { samplingModeOf, samplingOf } from "./sampling.js";
import { Session } from "./session.js";
import { bytesOf, identityOf, isAtHand, nameOf, sourceOf } from "./source.js";

/** The models that this page is creating right now. */
const creating = new Set<ChatSource>();

/** See `LanguageModel.availability`. */
export async function availability(options: LanguageModelCreateCoreOptions): Promise<Availability> {
  try {
    checkDevice(options.device);
    const source = sourceOf(options);
    const canRun = supportsText(options) && hasSimd() && fits(bytesOf(source));
    if (!canRun || (options.device === "webgpu" && (await probeGpu()))) return "unavailable";
    if (await isAtHand(source)) return "available";
    const same = [...creating].some((other) => identityOf(other) === identityOf(source));
    return same ? "downloading" : "downloadable";
  } catch (error) {
    throw inSpecWords(error, "UnknownError");
  }
}

/** See `LanguageModel.create`. */
export async function create(options: LanguageModelCreateOptions): Promise<LanguageModel> {
  const { signal } = options;
  try {
    const { session, initial } = await load(options);
    try {
      if (initial.length > 0) await session.append(initial, { signal });
      // An abort may have come when there was nothing left to stop.
      signal?.throwIfAborted();
    } catch (error) {
      session.destroy();
      throw error;
    }
    if (signal) session.endWith(signal);
    return session;
  } catch (error) {
    throw inSpecWords(error, "OperationError");
  }
}

/** Checks the options, loads the model, and makes a session that has read nothing yet. */
async function load(
  options: LanguageModelCreateOptions,
): Promise<{ session: Session; initial: ChatMessage[] }> {
  const { device = "auto", initialPrompts = [], publicKey, monitor, signal } = options;
  const supported = supportsText(options);
  const initial = initialOf(initialPrompts);
  const sampling = samplingOf(options);
  const samplingMode = samplingModeOf(options);
  signal?.throwIfAborted();
  checkDevice(device);
  if (!supported) throw new DOMException("There is no such input or output.", "NotSupportedError");
  requireSimd();
  const source = sourceOf(options);
  requireRoom(nameOf(source), bytesOf(source));
  const contextWindow = windowOf(options, source);
  const signed = await verifySigned(publicKey, source, signal);
  const engine = await loadEngine({ ...signed, device, contextWindow }, monitor, signal);
  const setup = { engine, model: nameOf(source), sampling, samplingMode, keep: initial.length };
  return { session: new Session(setup, engine.open()), initial };
}

async function loadEngine(
  params: Requests["chat-load"]["params"],
  monitor: LanguageModelCreateOptions["monitor"],
  signal: AbortSignal | undefined,
): Promise<ChatEngine> {
  const onProgress = watchLoad(monitor);
  creating.add(params.source);
  try {
    return await ChatEngine.load(params, onProgress, signal);
  } finally {
    creating.delete(params.source);
  }
}

function supportsText({ expectedInputs, expectedOutputs, ...rest }: LanguageModelCreateCoreOptions): boolean {
  const [inputs, outputs] = [supportsAll(expectedInputs), supportsAll(expectedOutputs)];
  const { tools } = rest as { tools?: ArrayLike<unknown> };
  return inputs && outputs && !tools?.length;
}

/** The initial prompts as messages: none, unlike an empty list that is prompted with. */
function initialOf(initialPrompts: NonNullable<LanguageModelCreateOptions["initialPrompts"]>): ChatMessage[] {
  const messages = wholeMessages(canonicalPrompt(initialPrompts));
  return [...initialPrompts].length === 0 ? [] : messages;
}

/** The tokens that prompt and answer may have: what the application says, else the manifest, else the file. */
function windowOf({ contextWindow }: LanguageModelCreateCoreOptions, source: ChatSource): number | undefined {
  if (contextWindow === undefined) {
    return source.kind === "manifest" ? source.manifest.contextWindow : undefined;
  }
  if (Number.isSafeInteger(contextWindow) && contextWindow > 0) return contextWindow;
  throw new InglenookError("invalid-input", `contextWindow is ${contextWindow}, and no number of tokens.`, {
    detail: "contextWindow",
  });
}
