import { addEventHandler } from "./event-handler.js";

/** Progress towards a model that is ready to load, whether its bytes come from the network or the cache. */
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

  constructor(bytesLoaded: number, bytesTotal: number) {
    super("downloadprogress");
    this.bytesLoaded = bytesLoaded;
    this.bytesTotal = bytesTotal;
    this.loaded = bytesTotal > 0 ? bytesLoaded / bytesTotal : 1;
  }
}

/** What `create({ monitor })` hands to the application: an event target that fires `downloadprogress`. */
export interface CreateMonitor extends EventTarget {
  ondownloadprogress: ((event: DownloadProgressEvent) => void) | null;
  addEventListener(
    type: "downloadprogress",
    listener: (event: DownloadProgressEvent) => void,
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
): (bytesLoaded: number, bytesTotal: number) => void {
  if (!monitor) return () => {};
  const target = new EventTarget() as CreateMonitor;
  addEventHandler(target, "downloadprogress");
  let last = -1;
  let wasOver = false;
  monitor(target);
  return (bytesLoaded, bytesTotal) => {
    const isOver = bytesLoaded >= bytesTotal;
    if (bytesLoaded < last || (bytesLoaded === last && isOver === wasOver)) return;
    [last, wasOver] = [bytesLoaded, isOver];
    target.dispatchEvent(new DownloadProgressEvent(bytesLoaded, bytesTotal));
  };
}
