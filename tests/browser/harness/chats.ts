import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LanguageModelMessage } from "../../../web/src/index.js";
import { ROOT } from "../../../web/stage.mjs";
import { decode, readTokens } from "./vocabulary.js";

const golden = (...path: string[]) => readFileSync(join(ROOT, "tests/golden", ...path));

/** A conversation and its greedy answer by the reference. */
export interface GoldenChat {
  messages: LanguageModelMessage[];
  /** How many tokens the conversation has. */
  promptTokens: number;
  answer: string;
  /** How many tokens the answer has. */
  tokens: number;
}

/** The tiny Llama of `tests/golden/`, as one GGUF file of the given name. */
export const tinyLlama = (name: TinyName) => golden("tiny-llama", name);

type TinyName = "model-q8_0.gguf" | "model-q4_1.gguf" | "model-f32.gguf";
interface TinyChat {
  messages: LanguageModelMessage[];
  prompt: number[];
  answer: number[];
}

/** What the reference answers with a file of the tiny Llama, whatever rounds how. */
export function tinyChats(name: TinyName = "model-q8_0.gguf"): GoldenChat[] {
  const chats = JSON.parse(golden("tiny-llama", "chat.json").toString()) as Record<TinyName, TinyChat[]>;
  const tokens = readTokens(join(ROOT, "tests/golden/tiny-llama", name));
  return chats[name].map(({ messages, prompt, answer }) => ({
    messages,
    promptTokens: prompt.length,
    answer: decode(tokens, answer),
    tokens: answer.length,
  }));
}

export const SMOL = "smollm2-135m-instruct";

interface Margins {
  ids: number[];
  margins: number[];
}

/**
 * The chats of SmolLM2 whose first tokens, as many as asked for, are sure: llama.cpp and transformers agree on them,
 * and the best logit is well above the second.
 */
export function sureChats(tokens: number): GoldenChat[] {
  const { chats } = JSON.parse(golden("chat", `${SMOL}.json`).toString()) as {
    chats: (Record<"llama.cpp" | "exact", Margins> & { messages: LanguageModelMessage[]; ids: number[] })[];
  };
  const vocabulary = readTokens(join(ROOT, "models/weights", SMOL, "SmolLM2-135M-Instruct.Q4_1.gguf"));
  const sure = chats.filter(({ exact, "llama.cpp": other }) =>
    exact.ids
      .slice(0, tokens)
      .every(
        (id, i) => id === other.ids[i] && (exact.margins[i] ?? 0) > 0.4 && (other.margins[i] ?? 0) > 0.5,
      ),
  );
  return sure.map(({ messages, ids, exact }) => ({
    messages,
    promptTokens: ids.length,
    answer: decode(vocabulary, exact.ids.slice(0, tokens)),
    tokens,
  }));
}
