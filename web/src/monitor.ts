import { fromRecord, type InglenookError } from "./errors.js";
import { addEventHandler } from "./event-handler.js";
import type { ByteProgress, LoadProgress } from "./worker/protocol.js";

/** How far something has come that a model needs before it is ready. */
export class LoadProgressEvent extends Event {
  /** The fraction done, 0..1, as in the W3C Prompt API. */
  readonly loaded: number;
  /** Always 1, as in the W3C Prompt API. */
  readonly total = 1;
  /** Always true, likewise. */
  readonly lengthComputable = true;

  constructor(type: string, loaded: number) {
    super(type);
    this.loaded = loaded;
  }
}

/** Progress of a model's files, whether their bytes come from the network or the store. */
export class DownloadProgressEvent extends LoadProgressEvent {
  /** Bytes of model files read so far. */
  readonly bytesLoaded: number;
  /** Bytes of all model files; Infinity where the host does not say, and then `loaded` is 0 until the end. */
  readonly bytesTotal: number;
  /** Bytes a second that come over the network, smoothed; `undefined` until that is known, and while none come. */
  readonly bytesPerSecond: number | undefined;
  /** How long the rest will take at that rate; `undefined` where that or the total is not known. */
  readonly secondsRemaining: number | undefined;

  constructor({ bytesLoaded, bytesTotal, perSecond }: ByteProgress) {
    super("downloadprogress", bytesTotal > 0 ? bytesLoaded / bytesTotal : 1);
    this.bytesLoaded = bytesLoaded;
    this.bytesTotal = bytesTotal;
    this.bytesPerSecond = perSecond;
    const seconds = perSecond ? (bytesTotal - bytesLoaded) / perSecond : Number.POSITIVE_INFINITY;
    if (Number.isFinite(seconds)) this.secondsRemaining = seconds;
  }
}

/** The model is used, but the browser does not keep it for the next visit. */
export interface StorageErrorEvent extends Event {
  /** `storage-full` or `storage-denied`; its message says what can be done. */
  readonly error: InglenookError;
}

/**
 * What `create({ monitor })` hands to the application: an event target that fires `downloadprogress`, as in the W3C
 * Prompt API, and then `prepareprogress`, while the weights are laid out for the device and, on a GPU, its numbers are
 * tested and its kernels compiled, which may take seconds. Both go from 0 to 1 and never back. What is counted of the
 * second are steps that do not take the same time. If the model cannot be kept, it fires `storageerror` once.
 *
 * @example
 * ```ts
 * import { type CreateMonitor, Embedder } from "inglenook";
 *
 * function monitor(target: CreateMonitor) {
 *   target.ondownloadprogress = ({ bytesLoaded, bytesTotal }) => console.log(`${bytesLoaded} of ${bytesTotal} bytes`);
 *   target.onprepareprogress = ({ loaded }) => console.log(`prepared ${Math.round(loaded * 100)} %`);
 *   target.onstorageerror = ({ error }) => console.log(error.code, error.message);
 * }
 * const embedder = await Embedder.create({ monitor });
 * embedder.destroy();
 * ```
 */
export interface CreateMonitor extends EventTarget {
  /** Called, as are listeners, while the model's files come. */
  ondownloadprogress: ((event: DownloadProgressEvent) => void) | null;
  /** The same, after that, while the model is made ready. */
  onprepareprogress: ((event: LoadProgressEvent) => void) | null;
  /** The same, once, if the browser does not keep the model. */
  onstorageerror: ((event: StorageErrorEvent) => void) | null;
  addEventListener(
    type: "downloadprogress",
    listener: (event: DownloadProgressEvent) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: "prepareprogress",
    listener: (event: LoadProgressEvent) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: "storageerror",
    listener: (event: StorageErrorEvent) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/**
 * Gives the application its monitor, and returns the function that feeds it.
 *
 * Progress never goes back, although files are read and prepared again when a GPU gives way to the CPU.
 */
export function watchLoad(
  monitor: ((monitor: CreateMonitor) => void) | undefined,
): (progress: LoadProgress) => void {
  if (!monitor) return () => {};
  const target = new EventTarget() as CreateMonitor;
  for (const type of ["downloadprogress", "prepareprogress", "storageerror"]) addEventHandler(target, type);
  const reached: Record<string, number> = {};
  let wasTold = false;
  monitor(target);
  return (progress) => {
    if ("notStored" in progress && progress.notStored && !wasTold) {
      wasTold = true;
      const error = fromRecord(progress.notStored);
      target.dispatchEvent(Object.assign(new Event("storageerror"), { error }));
    }
    const event =
      "prepared" in progress
        ? new LoadProgressEvent("prepareprogress", progress.prepared)
        : new DownloadProgressEvent(progress);
    // Bytes say how far a download has come whose end is not known, and what is loaded, that it is over.
    const now = event.loaded + (event instanceof DownloadProgressEvent ? event.bytesLoaded : 0);
    if (now <= (reached[event.type] ?? -1)) return;
    reached[event.type] = now;
    target.dispatchEvent(event);
  };
}
