import { type OfflineSite, type OfflineUpdate, offline } from "inglenook";
import type { Loadable, Model } from "./model";

/** Whether the page would start without a network. */
export type OfflineState = "starting" | "not-yet" | "ready" | "impossible";

const RELOADED = "inglenook-reloaded";

/** How long a model waits for the service worker, whose script a host may never send: in milliseconds. */
const PATIENCE = 10_000;

/** The service worker, as far as the page has to know of it. Fires `change`. */
export class OfflinePage extends EventTarget {
  /** Settles when the service worker is there, or is not waited for any more: what is fetched before is not kept. */
  readonly begun: Promise<void>;
  readonly #registered: Promise<void>;
  #site: OfflineSite | null = null;
  #state: OfflineState = "starting";
  #update: OfflineUpdate | null = null;
  #isUntouched = true;

  constructor() {
    super();
    for (const type of ["pointerdown", "keydown", "input", "dragenter"]) {
      const touch = () => {
        this.#isUntouched = false;
      };
      addEventListener(type, touch, { once: true, capture: true });
    }
    this.#registered = this.#begin();
    this.begun = Promise.race([this.#registered, this.#losePatience()]);
  }

  get state(): OfflineState {
    return this.#state;
  }

  /** A new version that waits, or nothing. */
  get update(): OfflineUpdate | null {
    return this.#update;
  }

  /** Looks whether all is here, with the model, whenever that has become ready. */
  async follow(model: Model<Loadable>): Promise<void> {
    const look = async () => {
      if (this.#site === null || model.state.phase !== "ready") return;
      const { source } = model;
      const isHere = (await this.#site.isReady()) && (await source.availability()) === "available";
      this.#become(isHere ? "ready" : "not-yet");
    };
    model.addEventListener("change", () => void look().catch(() => undefined));
    await this.#registered;
    await look().catch(() => undefined);
  }

  async #begin(): Promise<void> {
    try {
      const onupdate = (update: OfflineUpdate) => {
        this.#update = update;
        this.dispatchEvent(new Event("change"));
      };
      this.#site = await offline.register("sw.js", { onupdate });
      // Another load isolates the page, for threads, and costs nothing while nobody has begun.
      const isReloaded = sessionStorage.getItem(RELOADED) !== null;
      if (!crossOriginIsolated && this.#isUntouched && !isReloaded) await reload();
      this.#become("not-yet");
    } catch {
      this.#become("impossible");
    }
  }

  async #losePatience(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    // A page that has gone on is not loaded again.
    this.#isUntouched = false;
  }

  #become(state: OfflineState): void {
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }
}

/** Once: a browser that stays unisolated is left alone. Never resolves. */
function reload(): Promise<never> {
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
  return new Promise(() => {});
}
