import { byId } from "../view/dom";
import { isSendKey } from "./send-key";
import type { Talk } from "./talk";

/** Where messages are written: Enter sends, Shift+Enter begins a line, Escape stops an answer. */
export class ComposerView {
  readonly #prompt = byId<HTMLTextAreaElement>("prompt");

  constructor(readonly talk: Talk) {
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#prompt.addEventListener("keydown", (event) => {
      if (!isSendKey(event)) return;
      event.preventDefault();
      this.#send();
    });
    addEventListener("keydown", ({ key }) => {
      if (key === "Escape" && talk.busy) this.#stop();
    });
    byId("stop-answer").addEventListener("click", () => this.#stop());
    talk.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  /** Puts `text` into the field, ready to be sent or changed. */
  fill(text: string): void {
    this.#prompt.value = text;
    this.#prompt.focus();
  }

  #send(): void {
    const text = this.#prompt.value;
    if (this.talk.busy || text.trim() === "") return;
    this.fill("");
    void this.talk.send(text);
  }

  #stop(): void {
    this.talk.stop();
    this.#prompt.focus();
  }

  #draw(): void {
    const { busy } = this.talk;
    const stop = byId("stop-answer");
    // A button that goes away would take the focus with it.
    if (!busy && document.activeElement === stop) this.#prompt.focus();
    byId("send").hidden = busy;
    stop.hidden = !busy;
  }
}
