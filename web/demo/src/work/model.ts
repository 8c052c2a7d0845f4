import {
  type CreateMonitor,
  type DeviceChoice,
  type DownloadProgressEvent,
  Embedder,
  type Fallback,
} from "inglenook";
import { asFailure, type Failure } from "./failure";

export type ModelState =
  | { readonly phase: "checking" }
  | { readonly phase: "unsupported" }
  | { readonly phase: "absent" }
  | { readonly phase: "fetching"; readonly fraction: number; readonly bytes: number; readonly total: number }
  | { readonly phase: "starting" }
  | { readonly phase: "ready"; readonly device: "webgpu" | "cpu"; readonly fallback: Fallback | null }
  | { readonly phase: "failed"; readonly failure: Failure };

/** The one model of this page: loaded when first needed, replaced after a failure. Fires `change`. */
export class Model extends EventTarget {
  #state: ModelState = { phase: "checking" };
  #embedder: Embedder | null = null;
  #loading: Promise<Embedder> | null = null;
  #abort = new AbortController();
  #choice: DeviceChoice;
  #fetched = 0;
  #kept = false;

  readonly #prepare: (embedder: Embedder) => Promise<void>;

  /** `prepare` is awaited before a new embedder counts as ready. */
  constructor(choice: DeviceChoice, prepare: (embedder: Embedder) => Promise<void>) {
    super();
    this.#choice = choice;
    this.#prepare = prepare;
  }

  get state(): ModelState {
    return this.#state;
  }

  get choice(): DeviceChoice {
    return this.#choice;
  }

  /** Bytes that came over the network for the model since the page was opened. */
  get bytesFetched(): number {
    return this.#fetched;
  }

  /** Whether the browser's storage holds the model, so that loading it needs no network. */
  get wasKept(): boolean {
    return this.#kept;
  }

  get embedder(): Embedder | null {
    return this.#embedder;
  }

  /** Loads the model by itself when that needs no network; otherwise waits to be asked. */
  async check(): Promise<void> {
    try {
      const availability = await Embedder.availability();
      this.#kept = availability === "available";
      if (this.#loading !== null) return;
      if (this.#kept) await this.load();
      else this.#become({ phase: availability === "unavailable" ? "unsupported" : "absent" });
    } catch (error) {
      if (this.#loading === null) this.#fail(error);
    }
  }

  /** Resolves with the running model. Loads it if need be, once, however often it is asked. */
  load(): Promise<Embedder> {
    this.#loading ??= this.#create();
    this.#loading.catch(() => undefined);
    return this.#loading;
  }

  /** Stops a download, or frees the model. */
  unload(): void {
    this.#countPartial();
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#embedder?.destroy();
    this.#embedder = null;
    this.#loading = null;
    this.#become({ phase: "absent" });
  }

  /** Moves to another device; a model that failed gets another try there. */
  choose(choice: DeviceChoice): void {
    if (choice === this.#choice) return;
    const wasInUse = this.#loading !== null || this.#state.phase === "failed";
    this.#choice = choice;
    this.unload();
    if (wasInUse) void this.load();
  }

  /** Frees a model that failed while it worked, so that the next `load` starts a new one. */
  fail(error: unknown): void {
    this.unload();
    this.#fail(error);
  }

  async #create(): Promise<Embedder> {
    const { signal } = this.#abort;
    this.#become({ phase: "fetching", fraction: 0, bytes: 0, total: 0 });
    try {
      const monitor = (m: CreateMonitor) =>
        m.addEventListener("downloadprogress", (event) => this.#progress(event, signal));
      const embedder = await Embedder.create({ device: this.#choice, monitor, signal });
      await this.#prepare(embedder);
      if (signal.aborted) {
        embedder.destroy();
        throw signal.reason;
      }
      this.#embedder = embedder;
      this.#fetched += embedder.bytesFetched;
      this.#kept = true;
      embedder.ondevicechange = () => this.#ready(embedder);
      this.#ready(embedder);
      return embedder;
    } catch (error) {
      // Whoever waited for the model that was given up waits for the one that takes its place.
      if (signal.aborted && this.#loading !== null) return this.#loading;
      if (!signal.aborted) {
        this.#loading = null;
        this.#fail(error);
      }
      throw error;
    }
  }

  #ready(embedder: Embedder): void {
    if (embedder === this.#embedder)
      this.#become({ phase: "ready", device: embedder.device, fallback: embedder.fallback });
  }

  #progress(event: DownloadProgressEvent, signal: AbortSignal): void {
    if (signal.aborted) return;
    const { loaded, bytesLoaded, bytesTotal } = event;
    if (loaded >= 1) this.#become({ phase: "starting" });
    else this.#become({ phase: "fetching", fraction: loaded, bytes: bytesLoaded, total: bytesTotal });
  }

  /** What came of a download that did not end well was fetched all the same. */
  #countPartial(): void {
    if (this.#state.phase === "fetching" && !this.#kept) this.#fetched += this.#state.bytes;
  }

  #fail(error: unknown): void {
    this.#countPartial();
    this.#become({ phase: "failed", failure: asFailure(error) });
  }

  #become(state: ModelState): void {
    this.#state = state;
    this.dispatchEvent(new Event("change"));
  }
}
