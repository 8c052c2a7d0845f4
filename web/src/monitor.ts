import { addEventHandler } from "./event-handler.js";
import type { LoadProgress } from "./worker/protocol.js";

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

/**
 * Progress of what follows the download: weights are brought into the device's layout, and on a GPU its numbers are
 * tested and its kernels compiled, which takes seconds the first time.
 */
export class PrepareProgressEvent extends Event {
  /** The fraction done, 0..1, in steps that are known beforehand but do not take the same time. */
  readonly loaded: number;
  /** Always 1. */
  readonly total = 1;
  readonly lengthComputable = true;

  constructor(loaded: number) {
    super("prepareprogress");
    this.loaded = loaded;
  }
}

/**
 * What `create({ monitor })` hands to the application: an event target that fires `downloadprogress`, as in the W3C
 * Prompt API, and then `prepareprogress`. Both begin with 0, never go back, and end with 1.
 */
export interface CreateMonitor extends EventTarget {
  ondownloadprogress: ((event: DownloadProgressEvent) => void) | null;
  onprepareprogress: ((event: PrepareProgressEvent) => void) | null;
  addEventListener(
    type: "downloadprogress",
    listener: (event: DownloadProgressEvent) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: "prepareprogress",
    listener: (event: PrepareProgressEvent) => void,
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
  let last = -1;
  let wasOver = false;
  let prepared = -1;
  monitor(target);
  return (progress) => {
    if ("prepared" in progress) {
      if (progress.prepared <= prepared) return;
      prepared = progress.prepared;
      target.dispatchEvent(new PrepareProgressEvent(prepared));
      return;
    }
    const { bytesLoaded, bytesTotal } = progress;
    const isOver = bytesLoaded >= bytesTotal;
    if (bytesLoaded < last || (bytesLoaded === last && isOver === wasOver)) return;
    [last, wasOver] = [bytesLoaded, isOver];
    target.dispatchEvent(new DownloadProgressEvent(bytesLoaded, bytesTotal));
  };
}
