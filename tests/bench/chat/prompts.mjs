// Prompts of an exact number of tokens for SmolLM2's tokenizer and chat template.

/** What the model's template puts before and after the first user message when there is no system message. */
const BEFORE =
  "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n";
const AFTER = "<|im_end|>\n<|im_start|>assistant\n";
const TEMPLATE_TOKENS = 30;

/** Every word with the space before it, every comma and every full stop is one token. */
const PASSAGE = `
 the village wakes slowly when the light comes over the hills, and the people who live there know what the day will
 ask of them. The baker has been at work since before dawn, and the smell of bread goes out through the open door into
 the street. Two children carry water from the well to the old house near the bridge, where their mother keeps a small
 garden of herbs and beans. A man leads his horse past the school and stops to talk with the woman who makes shoes.
 They speak about the rain, the price of grain, and the road that was closed after the flood. Nobody is in a hurry. At
 noon the bell in the tower rings twelve times, and every shop is closed for an hour while the families sit down to
 eat. In the afternoon the river turns green under the trees, and boats bring wood and stone from the other side of the
 lake. The teacher reads a letter from her brother, who went to the city last year and found a place in a factory that
 makes glass. He writes that the nights are loud, that the food is poor, and that he thinks of the mountains whenever
 he cannot sleep. When the sun goes down the lamps are lit one by one, and someone begins to play music in the square.
 The old people remember songs that their parents used to sing, and the young people laugh and learn the words. Later
 it grows cold, the fire burns low, and the dogs lie down beside the door. Only the clock in the hall keeps moving, and
 the snow begins to fall on the roof, on the road, on the field, and on the quiet water. In the morning the whole valley
 is white, and the first steps in the street belong to the man who brings the milk.`;

const PIECES = PASSAGE.replaceAll("\n", "").match(/ \w+|[.,]/g);

/** First words of one token each: no two prompts of a run begin the same way, so that none can be reused. */
const OPENERS = [
  ...["Now", "Then", "Once", "Here", "When", "After", "Before", "Since", "While", "Today", "Yet", "Still"],
  ...[
    "Soon",
    "Each",
    "Every",
    "Some",
    "Many",
    "Most",
    "All",
    "Few",
    "Perhaps",
    "Often",
    "Sometimes",
    "Always",
  ],
];

/** A prompt that SmolLM2 answers with far more than 256 tokens. */
const STORY = "Write a long story about a lighthouse keeper and a fox.";
const STORY_TOKENS = 12;

/** `user` is the message, `rendered` what the template makes of it, of exactly `tokens` tokens. */
function promptOf(user, tokens) {
  return { user, rendered: `${BEFORE}${user}${AFTER}`, tokens: TEMPLATE_TOKENS + tokens };
}

/** The `variant`-th text of which the template makes exactly `tokens` tokens. */
export function readingPrompt(tokens, variant) {
  const opener = OPENERS[variant % OPENERS.length];
  const pieces = Array.from({ length: tokens - TEMPLATE_TOKENS - 1 }, (_, at) => PIECES[at % PIECES.length]);
  return promptOf(opener + pieces.join(""), 1 + pieces.length);
}

/** The prompt whose answer is timed; greedy, so that it is the same each time. Of `tokens` tokens, where that is said. */
export function writingPrompt(tokens) {
  if (tokens === undefined) return promptOf(STORY, STORY_TOKENS);
  const before = readingPrompt(tokens - STORY_TOKENS, 0).user;
  return promptOf(`${before} ${STORY}`, tokens - TEMPLATE_TOKENS);
}
