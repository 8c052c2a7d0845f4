import { fromRecord, type InglenookError } from "./errors.js";
import { addEventHandler } from "./event-handler.js";
import type { LoadProgress } from "./worker/protocol.js";

/** Progress towards a model that is ready to load, whether its bytes come from the network or the store. */
export class DownloadProgressEvent extends Event {
  /** The fraction done, 0..1, as in the W3C Prompt API. */
  readonly loaded: number;
  /** Always 1, as in the W3C Prompt API. */
  readonly total = 1;
  readonly lengthComputable = true;
  /** Bytes of model files read so far. */
  readonly bytesLoaded: number;
  /** Bytes of all model files; Infinity where the host does not say, and then `loaded` is 0 until the end. */
  readonly bytesTotal: number;
  /** Bytes a second that come over the network, smoothed; `undefined` until that is known, and while none come. */
  readonly bytesPerSecond: number | undefined;
  /** How long the rest will take at that rate; `undefined` where that or the total is not known. */
  readonly secondsRemaining: number | undefined;

  constructor({ bytesLoaded, bytesTotal, perSecond }: LoadProgress) {
    super("downloadprogress");
    this.bytesLoaded = bytesLoaded;
    this.bytesTotal = bytesTotal;
    this.loaded = bytesTotal > 0 ? bytesLoaded / bytesTotal : 1;
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
 * What `create({ monitor })` hands to the application: an event target that fires `downloadprogress`, and once
 * `storageerror` if the model cannot be kept.
 */
export interface CreateMonitor extends EventTarget {
  ondownloadprogress: ((event: DownloadProgressEvent) => void) | null;
  onstorageerror: ((event: StorageErrorEvent) => void) | null;
  addEventListener(
    type: "downloadprogress",
    listener: (event: DownloadProgressEvent) => void,
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
 * Progress starts with 0, never goes back (files are read again when a GPU gives way to the CPU) and ends
 * with exactly 1.
 */
export function watchDownload(
  monitor: ((monitor: CreateMonitor) => void) | undefined,
): (progress: LoadProgress) => void {
  if (!monitor) return () => {};
  const target = new EventTarget() as CreateMonitor;
  addEventHandler(target, "downloadprogress");
  addEventHandler(target, "storageerror");
  let last = -1;
  let wasOver = false;
  let wasTold = false;
  monitor(target);
  return (progress) => {
    const { bytesLoaded, bytesTotal, notStored } = progress;
    if (notStored && !wasTold) {
      wasTold = true;
      target.dispatchEvent(Object.assign(new Event("storageerror"), { error: fromRecord(notStored) }));
    }
    const isOver = bytesLoaded >= bytesTotal;
    if (bytesLoaded < last || (bytesLoaded === last && isOver === wasOver)) return;
    [last, wasOver] = [bytesLoaded, isOver];
    target.dispatchEvent(new DownloadProgressEvent(progress));
  };
}
