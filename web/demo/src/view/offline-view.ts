import type { OfflinePage, OfflineState } from "../work/offline-page";
import { announce } from "./announce";
import { byId, setText } from "./dom";

const STATES: Readonly<Record<OfflineState, string>> = {
  starting: "needed for the first visit",
  "not-yet": "needed until the model is kept here",
  ready: "Works offline",
  impossible: "needed: the page could not be kept here",
};

const NEW = "A new version is there.";
const OTHERS = "Close the other tabs of this page first, then restart.";

/** What a restart would mean now. */
export interface Restart {
  /** Why it has to wait, or nothing. */
  readonly wait: string | null;
  /** What it costs; empty where it costs nothing. */
  readonly cost: string;
}

/** Whether a network is needed, and the notice of a new version. */
export class OfflineView {
  #announced = false;
  #refused = false;

  constructor(
    readonly page: OfflinePage,
    readonly restart: () => Restart,
    sources: readonly EventTarget[],
  ) {
    for (const source of [page, ...sources]) source.addEventListener("change", () => this.#draw());
    byId("restart").addEventListener("click", () => void this.#restart());
    this.#draw();
  }

  #draw(): void {
    const { state, update } = this.page;
    document.body.setAttribute("data-offline", state);
    setText(byId("offline"), STATES[state]);
    byId("update").hidden = update === null;
    if (update === null) return;
    const { wait, cost } = this.restart();
    const text = wait ?? (this.#refused ? OTHERS : cost);
    setText(byId("update-text"), `${NEW} ${text}`.trim());
    byId("restart").setAttribute("aria-disabled", String(wait !== null));
    if (!this.#announced) announce(NEW);
    this.#announced = true;
  }

  async #restart(): Promise<void> {
    if (this.restart().wait !== null || (await this.page.update?.apply())) return;
    this.#refused = true;
    this.#draw();
    announce(OTHERS);
  }
}
