// English texts of an exact number of tokens, the same in every run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { WEIGHTS } from "../paths.mjs";

const SENTENCES = [
  "The library opens at nine and closes when the last reader has gone home.",
  "A cold wind came down from the hills before the harvest was finished.",
  "She measured the temperature of the oven twice before putting the bread in.",
  "Engineers replaced the bridge because the river had undermined its foundations.",
  "Most of the photographs in the archive were taken without any permission.",
  "The committee published its recommendations after eleven months of discussion.",
  "Our neighbour keeps bees and sells the honey at the Saturday market.",
  "Rainfall in the valley has doubled since the measurements began in 1961.",
  "He learned to repair clocks from a manual written in a language he could not read.",
  "The museum's collection of maps shows how slowly the coastline was understood.",
  "Trains between the two cities take three hours, and the ferry takes a whole day.",
  "Nobody remembered who had planted the walnut trees behind the schoolhouse.",
  "The experiment failed because the solution had been stored in sunlight.",
  "When the power returned, every printer in the building began to work at once.",
  "They translated the poem four times and never agreed on its second line.",
  "A good index saves more of a reader's time than a good introduction.",
];

const WORDS = SENTENCES.join(" ").split(" ");
const STRIDE = 6;

/** Words of one token each, with which a text is brought to its exact length. */
const FILLERS = ["today", "again", "quietly", "there", "later", "together", "outside", "however"];

export function loadTokenizer(model) {
  const json = JSON.parse(readFileSync(join(WEIGHTS, model, "tokenizer.json"), "utf8"));
  return new Tokenizer(json, {});
}

/** `count` different texts of exactly `tokens` tokens each, [CLS] and [SEP] included. */
export function textsOf(tokenizer, tokens, count) {
  const texts = Array.from({ length: count }, (_, index) => textOf(tokenizer, tokens, index));
  for (const text of texts) {
    const length = tokenizer.encode(text).ids.length;
    if (length !== tokens) throw new Error(`a text has ${length} tokens, not ${tokens}: ${text}`);
  }
  if (new Set(texts).size !== count)
    throw new Error(`the ${count} texts of ${tokens} tokens are not all different`);
  return texts;
}

/** Words of the corpus from a place of its own for each index, then fillers for the tokens still missing. */
function textOf(tokenizer, tokens, index) {
  const length = (words) => tokenizer.encode(words.join(" ")).ids.length;
  const words = [];
  for (let at = index * STRIDE; ; at += 1) {
    const word = WORDS[at % WORDS.length];
    if (length([...words, word]) > tokens) return fill(words, tokens - length(words), index);
    words.push(word);
  }
}

function fill(words, missing, index) {
  const fillers = Array.from({ length: missing }, (_, at) => FILLERS[(index + at) % FILLERS.length]);
  return [...words, ...fillers].join(" ");
}
