import { announce } from "../view/announce";
import { byId, el } from "../view/dom";
import type { Conversation, Turn } from "./conversation";
import { pieces } from "./markup";
import type { Talk } from "./talk";

/** How near to its end the page must be to follow an answer that grows, in CSS pixels. */
const NEAR_END = 160;

/** The conversation as it is read: one item per message, the answer that is being written last. */
export class LogView {
  readonly #log = byId<HTMLOListElement>("log");
  #drawn: readonly Turn[] = [];

  constructor(
    readonly conversation: Conversation,
    readonly talk: Talk,
  ) {
    conversation.addEventListener("change", () => this.#draw());
    talk.addEventListener("change", () => this.#drawPartial());
    talk.addEventListener("partial", () => this.#drawPartial());
    this.#draw();
  }

  /** Draws what changed: messages are only ever added or removed at the end. */
  #draw(): void {
    const { turns } = this.conversation;
    const same = turns.findIndex((turn, at) => turn !== this.#drawn[at]);
    const kept = same < 0 ? turns.length : same;
    while (this.#log.children.length > kept) this.#log.lastElementChild?.remove();
    this.#log.append(...turns.slice(kept).map((turn, at) => this.#item(turn, kept + at)));
    const last = turns.at(-1);
    if (last?.role === "assistant" && kept < turns.length && this.#drawn.length > 0) announce(last.content);
    this.#drawn = turns;
    byId("opening").hidden = turns.length > 0;
    this.#markLast();
    this.#drawPartial();
  }

  #drawPartial(): void {
    const follow = isNearEnd();
    let writing = this.#log.querySelector<HTMLElement>("[data-writing]");
    if (!this.talk.busy) {
      writing?.remove();
      this.#markLast();
      return;
    }
    if (writing === null) {
      const words = el("div.turn-words");
      writing = el(
        "li.turn",
        { "data-role": "assistant", "data-writing": true, "aria-hidden": "true" },
        words,
      );
      this.#log.append(writing);
    }
    writing.firstElementChild?.replaceChildren(...blocks(this.talk.partial));
    if (follow) scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  }

  #item(turn: Turn, at: number): HTMLLIElement {
    const isUser = turn.role === "user";
    const words = el("div.turn-words", {}, ...(isUser ? [turn.content] : blocks(turn.content)));
    const actions = el(
      "div.turn-actions",
      {},
      isUser ? button("Edit", () => this.#edit(at)) : null,
      button("Copy", () => void copy(turn.content)),
      button(isUser ? "Ask again" : "Regenerate", () => void this.talk.regenerate(), "regenerate"),
    );
    return el(
      "li.turn",
      { "data-role": turn.role },
      el("span.unseen", {}, isUser ? "You said:" : "The model said:"),
      words,
      actions,
    );
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
      form.replaceWith(fresh);
      fresh.querySelector<HTMLElement>(".turn-actions button")?.focus();
    };
    const save = el("button.primary", { type: "submit" }, "Send");
    const form = el(
      "li.turn",
      { "data-role": "user" },
      el("form.turn-edit", {}, field, el("p.actions", {}, save, button("Cancel", restore))),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim() !== "") void this.talk.edit(at, field.value);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") restore();
    });
    item.replaceWith(form);
    field.focus();
  }
}

/** The elements of an answer. Everything in it is text: no markup of the model's becomes an element. */
function blocks(markdown: string): HTMLElement[] {
  return pieces(markdown).map((piece) =>
    piece.kind === "text"
      ? el("p", {}, piece.text)
      : el("pre", { tabindex: "0" }, el("code", { "data-language": piece.language }, piece.text)),
  );
}

function button(label: string, act: () => void, name = ""): HTMLButtonElement {
  const made = el(name === "" ? "button.quiet" : `button.quiet.${name}`, { type: "button" }, label);
  made.addEventListener("click", act);
  return made;
}

async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text).then(
    () => announce("Copied."),
    () => announce("The browser did not allow copying."),
  );
}

function isNearEnd(): boolean {
  const { scrollHeight } = document.documentElement;
  return scrollY + innerHeight > scrollHeight - NEAR_END;
}
