import type { LanguageModel } from "inglenook";
import { byId, setText } from "../view/dom";
import { explain } from "../view/explain";
import { formatNumber, formatRate } from "../view/format";
import { describe } from "../view/model-view";
import type { Model } from "../work/model";
import type { Talk } from "./talk";

/** What there is to know of the talk: speed, context, what it waits for, and what went wrong. */
export class FactsView {
  constructor(
    readonly model: Model<LanguageModel>,
    readonly talk: Talk,
  ) {
    for (const source of [model, talk]) source.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  #draw(): void {
    const { state, overflowed } = this.talk;
    document.body.setAttribute("data-talk", state.phase);
    byId("overflow").hidden = !overflowed;
    byId("trouble").hidden = state.phase !== "failed";
    if (state.phase === "failed") {
      const { what, remedy } = explain(state.failure.code);
      setText(byId("trouble-what"), what);
      setText(byId("trouble-remedy"), remedy);
    }
    const { speed } = this.talk;
    setText(byId("speed"), speed === null ? "not measured yet" : `${formatRate(speed)} tokens a second`);
    this.#drawWaiting();
    this.#drawRoom();
  }

  /** Why an answer does not begin yet; where the window is narrow, the model's card is not in sight. */
  #drawWaiting(): void {
    const { state } = this.model;
    const waits = this.talk.busy && state.phase !== "ready";
    byId("waiting").hidden = !waits;
    if (waits) setText(byId("waiting"), describe(state, this.model));
  }

  #drawRoom(): void {
    const { room } = this.talk;
    byId<HTMLMeterElement>("context-meter").value = room ? room.used / room.window : 0;
    const text = room
      ? `${formatNumber(room.used)} of ${formatNumber(room.window)} tokens`
      : "empty until the model is there";
    setText(byId("context-text"), text);
  }
}
