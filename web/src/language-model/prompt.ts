import type { LanguageModelPrompt } from "../language-model.js";
import type { ChatMessage } from "../worker/protocol.js";

/** An input in one form: messages of text, and what the answer is to begin with. */
export interface CanonicalPrompt {
  messages: ChatMessage[];
  /** The text of a last message that is a prefix, which is not among `messages`. */
  prefix: string | undefined;
}

const ROLES = ["system", "user", "assistant"];
const TYPES = ["text", "image", "audio", "tool-call", "tool-response"];

/**
 * Brings an input into one form, and copies it, as the Prompt API's "validate and canonicalize a prompt" does.
 *
 * @throws `TypeError` for what is no prompt, or a system message that is not the first; `SyntaxError` for a prefix
 *   that is not the last message, an assistant's; `NotSupportedError` for content that is not text
 */
export function canonicalPrompt(input: LanguageModelPrompt): CanonicalPrompt {
  if (typeof input !== "string" && !isIterable(input)) {
    throw new TypeError("A prompt is a text or a list of messages.");
  }
  const list: unknown[] = typeof input === "string" ? [{ role: "user", content: input }] : [...input];
  if (list.length === 0) list.push({ role: "user", content: "" });
  let prefix: string | undefined;
  const messages = list.map((given, i) => {
    const { role, content, prefix: isPrefix } = Object(given) as Record<string, unknown>;
    const message = { role: checkedRole(role), content: textOf(content) };
    if (isPrefix) {
      requirePrefix(message, i === list.length - 1);
      prefix = message.content;
    }
    if (role === "system" && i > 0) throw misplacedSystem();
    return message;
  });
  return { messages: prefix === undefined ? messages : messages.slice(0, -1), prefix };
}

/** All messages, where no answer follows: a prefix is one like any other. */
export function wholeMessages({ messages, prefix }: CanonicalPrompt): ChatMessage[] {
  return prefix === undefined ? messages : [...messages, { role: "assistant", content: prefix }];
}

/** A system message anywhere but at the beginning of a conversation. */
export function misplacedSystem(): TypeError {
  return new TypeError("A system message must be the first message of the conversation.");
}

function checkedRole(role: unknown): ChatMessage["role"] {
  if (ROLES.includes(role as string)) return role as ChatMessage["role"];
  throw new TypeError(`A message's role is one of ${ROLES.join(", ")}, not ${String(role)}.`);
}

function requirePrefix({ role }: ChatMessage, isLast: boolean): void {
  if (role === "assistant" && isLast) return;
  throw new DOMException("Only a last message, an assistant's, can be a prefix.", "SyntaxError");
}

/** The text of a message; parts are put together with nothing between them. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!isIterable(content)) throw new TypeError("A message's content is a text or a list of parts.");
  return [...content].map(textOfPart).join("");
}

function textOfPart(part: unknown): string {
  const { type, value } = Object(part) as Record<string, unknown>;
  if (!TYPES.includes(type as string)) throw new TypeError(`There is no content of type ${String(type)}.`);
  if (type !== "text") throw new DOMException(`There is no input of type ${type}.`, "NotSupportedError");
  if (typeof value !== "string") throw new TypeError("Content of type text has a text as its value.");
  return value;
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** Whether there is input or output of these types; the languages are checked, and any will do. */
export function supportsAll(expected: unknown): boolean {
  if (expected === undefined) return true;
  if (!isIterable(expected)) throw new TypeError("What is expected is a list.");
  return [...expected].every((one) => {
    const { type, languages } = Object(one) as { type?: string; languages?: string[] };
    if (!TYPES.includes(type as string)) throw new TypeError(`There is no content of type ${type}.`);
    // Throws a RangeError for what is no language tag.
    Intl.getCanonicalLocales(languages);
    return type === "text";
  });
}
