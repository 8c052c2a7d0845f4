import type {
  Availability,
  CreateMonitor,
  DeviceChoice,
  DownloadProgressEvent,
  Fallback,
  LoadProgressEvent,
  Provenance,
} from "inglenook";
import { asFailure, type Failure, isAbort } from "./failure";

export type ModelState =
  | { readonly phase: "checking" }
  | { readonly phase: "unsupported" }
  | { readonly phase: "absent" }
  | {
      readonly phase: "fetching";
      readonly fraction: number;
      readonly bytes: number;
      readonly total: number;
      /** Bytes a second, and the seconds that the rest will take, as far as they are known. */
      readonly rate?: number | undefined;
      readonly remaining?: number | undefined;
    }
  | { readonly phase: "starting"; readonly fraction: number }
  | { readonly phase: "ready"; readonly device: "webgpu" | "cpu"; readonly fallback: Fallback | null }
  | { readonly phase: "failed"; readonly failure: Failure };

/** A model of the package, as far as this page treats all of them alike. */
export interface Loadable extends EventTarget {
  readonly device: "webgpu" | "cpu";
  readonly fallback: Fallback | null;
  readonly bytesFetched: number;
  readonly provenance: Provenance;
  destroy(): void;
}

/** What a model is made with. */
export interface CreateOptions {
  device: DeviceChoice;
  monitor: (monitor: CreateMonitor) => void;
  signal: AbortSignal;
}

/** Where a model comes from. */
export interface Source<T extends Loadable> {
  /** What people call it. */
  readonly name: string;
  /** Whether it is a file that the person opened: nothing is fetched for it, and nothing kept. */
  readonly fromDisk: boolean;
  /** What it costs to load, for people; empty where it costs nothing. */
  readonly cost: string;
  availability(): Promise<Availability>;
  /** The model, ready to be used. */
  create(options: CreateOptions): Promise<T>;
}

/** The one model of this page: loaded when first needed, replaced after a failure. Fires `change`. */
export class Model<T extends Loadable> extends EventTarget {
  #state: ModelState = { phase: "checking" };
  #source: Source<T>;
  readonly #before: Promise<unknown>;
  #current: T | null = null;
  #loading: Promise<T> | null = null;
  #abort = new AbortController();
  #choice: DeviceChoice;
  #fetched = 0;
  #kept = false;
  #notKept: Failure | null = null;

  /** @param before  what has to be over before anything is fetched for a model */
  constructor(choice: DeviceChoice, source: Source<T>, before: Promise<unknown> = Promise.resolve()) {
    super();
    this.#before = before;
    this.#choice = choice;
    this.#source = source;
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

  /** Why the browser does not keep the model, or nothing. */
  get notKept(): Failure | null {
    return this.#notKept;
  }

  get source(): Source<T> {
    return this.#source;
  }

  get current(): T | null {
    return this.#current;
  }

  /** Loads the model by itself when that needs no network; otherwise waits to be asked. */
  async check(): Promise<void> {
    const source = this.#source;
    try {
      const availability = await source.availability();
      if (source !== this.#source) return;
      this.#kept = availability === "available";
      if (this.#loading !== null) return;
      if (this.#kept) await this.load();
      else this.#become({ phase: availability === "unavailable" ? "unsupported" : "absent" });
    } catch (error) {
      if (source === this.#source && this.#loading === null && !isAbort(error)) this.#fail(error);
    }
  }

  /** Resolves with the running model. Loads it if need be, once, however often it is asked. */
  load(): Promise<T> {
    this.#loading ??= this.#create();
    this.#loading.catch(() => undefined);
    return this.#loading;
  }

  /** Stops a download, or frees the model. */
  unload(): void {
    this.#countPartial();
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#current?.destroy();
    this.#current = null;
    this.#loading = null;
    this.#notKept = null;
    this.#become({ phase: "absent" });
  }

  /** Takes another model in the place of the one that is there, and loads it where that needs no network. */
  async replace(source: Source<T>): Promise<void> {
    this.unload();
    this.#source = source;
    this.#become({ phase: "checking" });
    await this.check();
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

  async #create(): Promise<T> {
    const { signal } = this.#abort;
    const source = this.#source;
    this.#notKept = null;
    this.#become({ phase: "fetching", fraction: 0, bytes: 0, total: 0 });
    try {
      const monitor = (m: CreateMonitor) => {
        m.addEventListener("downloadprogress", (event) => this.#downloaded(event, signal));
        m.addEventListener("prepareprogress", (event) => this.#prepared(event, signal));
        m.addEventListener("storageerror", ({ error }) => this.#refused(error, signal));
      };
      await this.#before;
      signal.throwIfAborted();
      const model = await source.create({ device: this.#choice, monitor, signal });
      if (signal.aborted) {
        model.destroy();
        throw signal.reason;
      }
      this.#current = model;
      this.#fetched += model.bytesFetched;
      this.#kept = !source.fromDisk && this.#notKept === null;
      model.addEventListener("devicechange", () => this.#ready(model));
      this.#ready(model);
      return model;
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

  #ready(model: T): void {
    if (model === this.#current)
      this.#become({ phase: "ready", device: model.device, fallback: model.fallback });
  }

  #downloaded(event: DownloadProgressEvent, signal: AbortSignal): void {
    if (signal.aborted) return;
    const { loaded, bytesLoaded, bytesTotal } = event;
    if (loaded >= 1) this.#become({ phase: "starting", fraction: 0 });
    else {
      const { bytesPerSecond: rate, secondsRemaining: remaining } = event;
      this.#become({
        phase: "fetching",
        fraction: loaded,
        bytes: bytesLoaded,
        total: bytesTotal,
        rate,
        remaining,
      });
    }
  }

  #prepared({ loaded }: LoadProgressEvent, signal: AbortSignal): void {
    if (!signal.aborted) this.#become({ phase: "starting", fraction: loaded });
  }

  #refused(error: Failure, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#notKept = error;
    this.#become(this.#state);
  }

  /** What came of a download that did not end well was fetched all the same. */
  #countPartial(): void {
    if (this.#state.phase !== "fetching" || this.#kept || this.#source.fromDisk) return;
    this.#fetched += this.#state.bytes;
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
