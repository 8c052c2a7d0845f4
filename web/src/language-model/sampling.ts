import { InglenookError } from "../errors.js";
import type { LanguageModelSampling, LanguageModelSamplingMode } from "../language-model.js";
import type { Sampling } from "../worker/protocol.js";

/** The temperatures that the Prompt API's words stand for; the engine's own in the middle. */
const TEMPERATURES: Record<LanguageModelSamplingMode, number | undefined> = {
  "most-predictable": 0,
  predictable: 0.4,
  balanced: undefined,
  creative: 1,
  "most-creative": 1.3,
};

/**
 * The settings that are numbers, with their least and greatest values, and whether they are whole. The others are
 * checked as the engine takes them, in f32.
 */
const RANGES = [
  ["temperature", 0, Number.MAX_VALUE, false],
  ["topK", 0, 2 ** 32 - 1, true],
  ["topP", 0, 1, false],
  ["minP", 0, 1, false],
  ["repetitionPenalty", 2 ** -126, Number.MAX_VALUE, false],
  ["presencePenalty", 0, Number.MAX_VALUE, false],
  ["frequencyPenalty", 0, Number.MAX_VALUE, false],
  ["seed", 0, Number.MAX_SAFE_INTEGER, true],
  ["maxTokens", 1, 2 ** 32 - 1, true],
] as const;

const MAX_STOPS = 64;
const MAX_STOP_BYTES = 256;

/** The mode that was asked for. */
export function samplingModeOf({
  samplingMode = "balanced",
}: LanguageModelSampling): LanguageModelSamplingMode {
  if (Object.hasOwn(TEMPERATURES, samplingMode)) return samplingMode;
  throw new TypeError(`There is no sampling mode ${samplingMode}.`);
}

/** The settings that were given, checked. @throws {@link InglenookError} `invalid-input` */
export function samplingOf(options: LanguageModelSampling): Sampling {
  const sampling: Sampling = { temperature: TEMPERATURES[samplingModeOf(options)] };
  for (const [name, least, most, whole] of RANGES) {
    const value = options[name];
    if (value === undefined) continue;
    const used = whole ? value : Math.fround(value);
    if (!(used >= least && used <= most) || (whole && !Number.isInteger(value))) {
      throw invalid(name, `${name} is ${value}, and out of its range.`);
    }
    sampling[name] = value;
  }
  if (options.stop !== undefined) sampling.stop = checkedStops(options.stop);
  return sampling;
}

function checkedStops(stop: readonly string[]): string[] {
  const isText = (text: unknown) => typeof text === "string" && text !== "";
  if (!Array.isArray(stop) || !stop.every(isText)) throw invalid("stop", "stop is no list of texts.");
  const bytes = Math.max(0, ...stop.slice(0, MAX_STOPS).map((text) => new TextEncoder().encode(text).length));
  if (stop.length > MAX_STOPS || bytes > MAX_STOP_BYTES) {
    const message = `stop has more than ${MAX_STOPS} texts, or one of more than ${MAX_STOP_BYTES} bytes.`;
    throw invalid("stop", message);
  }
  return [...stop];
}

function invalid(name: string, message: string): InglenookError {
  return new InglenookError("invalid-input", message, { detail: name });
}
