import type { LanguageModel } from "inglenook";
import { announce } from "../view/announce";
import { byId, setText } from "../view/dom";
import { onDrop } from "../view/drop";
import type { Model } from "../work/model";
import { OWN, opened } from "./sources";
import type { Talk } from "./talk";

/** Which model it is: the page's own, or a file that was opened or dropped on the page; and the way back. */
export class ModelChoiceView {
  constructor(
    readonly model: Model<LanguageModel>,
    readonly talk: Talk,
  ) {
    const input = byId<HTMLInputElement>("model-input");
    byId("open-model").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.#open(input.files?.[0]);
      input.value = "";
    });
    onDrop(({ files }) => this.#open([...files].find(({ name }) => /\.gguf$/i.test(name)) ?? files[0]));
    byId("own-model").addEventListener("click", () => this.#goBack());
    model.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  #open(file: File | undefined): void {
    if (file === undefined) return;
    this.talk.stop();
    announce(`Opening ${file.name}.`);
    void this.model.replace(opened(file));
  }

  #goBack(): void {
    this.talk.stop();
    announce(`Going back to ${OWN.name}.`);
    void this.model.replace(OWN);
    byId("open-model").focus();
  }

  #draw(): void {
    setText(byId("model-name"), this.model.source.name);
    byId("own-model").hidden = this.model.source === OWN;
  }
}
