import { type Conversation, parseTurns, type Turn } from "./conversation";

const KEY = "inglenook-chat";

/** The conversation that this browser keeps from the last visit. */
export function keptTurns(): Turn[] {
  try {
    return parseTurns(localStorage.getItem(KEY));
  } catch {
    return [];
  }
}

/** Keeps the conversation in this browser from now on. Where storage is denied or full, it lasts as long as the page. */
export function keep(conversation: Conversation): void {
  conversation.addEventListener("change", () => {
    try {
      if (conversation.turns.length === 0) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, JSON.stringify(conversation.turns));
    } catch {
      // Nothing is lost that the page does not still show.
    }
  });
}
