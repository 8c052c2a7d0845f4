import { holdLock } from "./hold-lock.js";
import type {
  DeviceKind,
  FromWorker,
  LoadProgress,
  RequestKind,
  RequestMessage,
  Requests,
  ThreadStart,
  ToWorker,
} from "./protocol.js";
import { throttled } from "./throttle.js";
import { judge } from "./verdict.js";

/** The result of a request, and what of it is transferred. */
export interface Answer<K extends RequestKind> {
  result: Requests[K]["result"];
  transfer?: Transferable[];
}

/** What a worker does for each kind of request that it takes. */
export type Handlers = { [K in RequestKind]?: (request: RequestMessage<K>) => Promise<Answer<K>> };

let device: DeviceKind = "cpu";

/** Says what the worker's wasm instance works on, by which its errors are judged. */
export function setDevice(kind: DeviceKind): void {
  device = kind;
}

/** Answers the page's requests from now on; `cancel` is called with the ids of those that it aborts. */
export function serve(handlers: Handlers, cancel: (id: number) => void): void {
  self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (data.kind === "abort") cancel(data.id);
    else void answer(data, handlers);
  };
  // A trap inside a task of the instance that no request awaits, such as the rest of an `async` function.
  self.addEventListener("error", (event) => {
    event.preventDefault();
    post({ kind: "died", error: judge(event.error, device).error });
  });
  self.addEventListener("unhandledrejection", ({ reason }) => {
    const { error, fatal } = judge(reason, device);
    if (fatal) post({ kind: "died", error });
  });
  void holdLock(post);
}

/** Asks for threads. They may come late, or not at all. */
export function wantThreads(count: number, start: ThreadStart): void {
  const ports = Array.from({ length: count }, () => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(start);
    return port2;
  });
  post({ kind: "threads", ports }, ports);
}

/** Says how far a request has come. */
export function report<K extends RequestKind>(
  { id }: RequestMessage<K>,
  progress: Requests[K]["progress"],
): void {
  post({ id, kind: "progress", progress });
}

/** Says how far the loading of a model has come, every so often. */
export function reportLoad(request: RequestMessage<"load" | "chat-load">): (progress: LoadProgress) => void {
  return throttled(
    (progress) => report(request, progress),
    (progress) => "prepared" in progress || progress.bytesLoaded === progress.bytesTotal,
  );
}

async function answer<K extends RequestKind>(request: RequestMessage<K>, handlers: Handlers): Promise<void> {
  try {
    const handle = handlers[request.kind] as ((request: RequestMessage<K>) => Promise<Answer<K>>) | undefined;
    const { result, transfer } = await opened(handle)(request);
    post({ id: request.id, kind: "done", result }, transfer);
  } catch (thrown) {
    const { error, fatal } = judge(thrown, device);
    post(fatal ? { kind: "died", error } : { id: request.id, kind: "failed", error });
  }
}

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

/** What a request needs, if the request that brings it has come before. */
export function opened<T>(thing: T | undefined): T {
  if (!thing) throw new Error("A request came before the one that opens the worker.");
  return thing;
}
