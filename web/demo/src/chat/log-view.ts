import { announce } from "../view/announce";
import { copy } from "../view/copy";
import { byId, el } from "../view/dom";
import { showAnswer } from "./answer-view";
import type { Conversation, Turn } from "./conversation";
import { isSendKey } from "./send-key";
import type { Talk } from "./talk";

/** How far below the window the field for messages may end for the page to follow an answer that grows, in CSS pixels. */
const NEAR_END = 160;

/** The conversation as it is read: one item per message, the answer that is being written last. */
export class LogView {
  readonly #log = byId<HTMLOListElement>("log");
  #drawn: readonly Turn[] = [];
  /** The answer that is being written; it becomes the item of the message. */
  #writing: HTMLLIElement | null = null;

  constructor(
    readonly conversation: Conversation,
    readonly talk: Talk,
  ) {
    conversation.addEventListener("change", () => this.#draw());
    talk.addEventListener("change", () => this.#drawWriting());
    talk.addEventListener("partial", () => this.#drawWriting());
    this.#draw();
  }

  /** Draws what changed: messages are only ever added or removed at the end. */
  #draw(): void {
    const { turns } = this.conversation;
    const kept = this.#adopt(turns) ?? sameBeginning(turns, this.#drawn);
    while (this.#log.children.length > kept) this.#log.lastElementChild?.remove();
    this.#log.append(...turns.slice(kept).map((turn, at) => this.#item(turn, kept + at)));
    this.#drawn = turns;
    byId("opening").hidden = turns.length > 0;
    this.#drawWriting();
  }

  /** Makes the answer that was being written the last message, if that is what it became; the messages there are then. */
  #adopt(turns: readonly Turn[]): number | null {
    const item = this.#writing;
    const last = turns.at(-1);
    if (item === null || last?.role !== "assistant" || turns.length !== this.#drawn.length + 1) return null;
    this.#writing = null;
    showTurn(item, last);
    item.removeAttribute("data-writing");
    item.removeAttribute("aria-busy");
    item.append(this.#actions(last, turns.length - 1));
    announce(last.content === "" ? "The model said nothing." : last.content);
    return turns.length;
  }

  #drawWriting(): void {
    if (!this.talk.busy) {
      this.#writing?.remove();
      this.#writing = null;
      this.#markLast();
      return;
    }
    const follow = this.#writing === null || leftBelow() < NEAR_END;
    this.#writing ??= this.#begin();
    showAnswer(wordsOf(this.#writing), this.talk.partial);
    if (follow) scrollBy({ top: Math.max(0, leftBelow()), behavior: "instant" });
  }

  #begin(): HTMLLIElement {
    const item = frame("assistant");
    item.setAttribute("data-writing", "");
    item.setAttribute("aria-busy", "true");
    this.#log.append(item);
    this.#markLast();
    return item;
  }

  #item(turn: Turn, at: number): HTMLLIElement {
    const item = frame(turn.role);
    showTurn(item, turn);
    if (turn.role === "user")
      item.append(el("p.turn-unheard.aside", {}, "Not answered: the model leaves it out."));
    item.append(this.#actions(turn, at));
    return item;
  }

  #actions({ role, content }: Turn, at: number): HTMLElement {
    const isUser = role === "user";
    return el(
      "div.turn-actions",
      {},
      isUser ? button("Edit", () => this.#edit(at)) : null,
      button("Copy", (made) => void copy(content, made, "Copy")),
      button(isUser ? "Ask again" : "Regenerate", () => this.#regenerate(), "regenerate"),
    );
  }

  /** Asks again. What held the focus goes away, and the answer that has begun takes it. */
  #regenerate(): void {
    void this.talk.regenerate();
    this.#writing?.focus({ preventScroll: true });
  }

  /** Only the last answer can be made again, or the last question asked again if it has none. */
  #markLast(): void {
    for (const found of this.#log.querySelectorAll<HTMLElement>(".regenerate")) {
      found.hidden = found.closest("li") !== this.#log.lastElementChild;
    }
  }

  /** Puts a field in the place of a message of the person's. */
  #edit(at: number): void {
    const turn = this.conversation.turns[at];
    const item = this.#log.children[at];
    if (turn === undefined || item === undefined || this.talk.busy) return;
    const field = el("textarea", { rows: "2", "aria-label": "Your message" });
    field.value = turn.content;
    const restore = () => {
      const fresh = this.#item(turn, at);
      place.replaceWith(fresh);
      this.#markLast();
      fresh.querySelector<HTMLElement>(".turn-actions button")?.focus();
    };
    const save = el("button.primary", { type: "submit" }, "Send");
    const form = el("form.turn-edit", {}, field, el("p.actions", {}, save, button("Cancel", restore)));
    const place = el("li.turn", { "data-role": "user" }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.talk.edit(at, field.value);
      this.#writing?.focus({ preventScroll: true });
    });
    field.addEventListener("keydown", (event) => {
      if (isSendKey(event)) {
        event.preventDefault();
        form.requestSubmit();
      }
      if (event.key !== "Escape") return;
      event.stopPropagation();
      restore();
    });
    item.replaceWith(place);
    field.focus();
  }
}

function sameBeginning(turns: readonly Turn[], drawn: readonly Turn[]): number {
  const other = turns.findIndex((turn, at) => turn !== drawn[at]);
  return other < 0 ? turns.length : other;
}

/** The item of a message, without its words. The focus may be put there. */
function frame(role: Turn["role"]): HTMLLIElement {
  const speaker = role === "user" ? "You said:" : "The model said:";
  return el(
    "li.turn",
    { "data-role": role, tabindex: "-1" },
    el("span.unseen", {}, speaker),
    el("div.turn-words"),
  );
}

function showTurn(item: HTMLElement, { role, content }: Turn): void {
  const words = wordsOf(item);
  if (role === "user") words.textContent = content;
  else if (content === "") words.replaceChildren(el("p.aside", {}, "The model said nothing."));
  else showAnswer(words, content);
}

function wordsOf(item: HTMLElement): HTMLElement {
  return item.querySelector<HTMLElement>(".turn-words") ?? item;
}

function button(label: string, act: (made: HTMLButtonElement) => void, name = ""): HTMLButtonElement {
  const made = el(name === "" ? "button.quiet" : `button.quiet.${name}`, { type: "button" }, label);
  made.addEventListener("click", () => act(made));
  return made;
}

/** How much of the conversation, with the field below it, lies below the window. */
function leftBelow(): number {
  return byId("talk").getBoundingClientRect().bottom - innerHeight;
}
