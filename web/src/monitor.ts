import { addEventHandler } from "./event-handler.js";
import type { LoadProgress } from "./worker/protocol.js";

/** How far something has come that a model needs before it is ready. */
export class LoadProgressEvent extends Event {
  /** The fraction done, 0..1, as in the W3C Prompt API. */
  readonly loaded: number;
  /** Always 1, as in the W3C Prompt API. */
  readonly total = 1;
  readonly lengthComputable = true;

  constructor(type: string, loaded: number) {
    super(type);
    this.loaded = loaded;
  }
}

/** Progress of a model's files, whether their bytes come from the network or the cache. */
export class DownloadProgressEvent extends LoadProgressEvent {
  /** Bytes of model files read so far. */
  readonly bytesLoaded: number;
  /** Bytes of all model files; Infinity where the host does not say, and then `loaded` is 0 until the end. */
  readonly bytesTotal: number;

  constructor(bytesLoaded: number, bytesTotal: number) {
    super("downloadprogress", bytesTotal > 0 ? bytesLoaded / bytesTotal : 1);
    this.bytesLoaded = bytesLoaded;
    this.bytesTotal = bytesTotal;
  }
}

/**
 * What `create({ monitor })` hands to the application: an event target that fires `downloadprogress`, as in the W3C
 * Prompt API, and then `prepareprogress`, while the weights are laid out for the device and, on a GPU, its numbers are
 * tested and its kernels compiled, which may take seconds. Both go from 0 to 1 and never back. What is counted of the
 * second are steps that do not take the same time.
 */
export interface CreateMonitor extends EventTarget {
  ondownloadprogress: ((event: DownloadProgressEvent) => void) | null;
  onprepareprogress: ((event: LoadProgressEvent) => void) | null;
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
  addEventHandler(target, "downloadprogress");
  addEventHandler(target, "prepareprogress");
  const reached: Record<string, number> = {};
  monitor(target);
  return (progress) => {
    const event =
      "prepared" in progress
        ? new LoadProgressEvent("prepareprogress", progress.prepared)
        : new DownloadProgressEvent(progress.bytesLoaded, progress.bytesTotal);
    // Bytes say how far a download has come whose end is not known, and what is loaded, that it is over.
    const now = event.loaded + (event instanceof DownloadProgressEvent ? event.bytesLoaded : 0);
    if (now <= (reached[event.type] ?? -1)) return;
    reached[event.type] = now;
    target.dispatchEvent(event);
  };
}
