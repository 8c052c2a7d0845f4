/**
 * The worker: takes the requests of `protocol.ts`, and owns the one wasm instance that serves them.
 *
 * A worker holds one model or one index, whichever it is asked for first.
 */
import { totalBytes } from "../manifest.js";
import { EmbedQueue } from "./embed-queue.js";
import { loadModel } from "./load.js";
import type {
  DeviceKind,
  EmbedProgress,
  FromWorker,
  RequestKind,
  RequestMessage,
  Requests,
  ToWorker,
} from "./protocol.js";
import { throttled } from "./throttle.js";
import { VectorStore } from "./vector-store.js";
import { judge } from "./verdict.js";

type Answer<K extends RequestKind> = { result: Requests[K]["result"]; transfer?: Transferable[] };
type Handlers = { [K in RequestKind]: (request: RequestMessage<K>) => Promise<Answer<K>> };

let device: DeviceKind = "cpu";
let queue: EmbedQueue | undefined;
let store: VectorStore | undefined;

const handlers: Handlers = {
  load: async ({ id, params }) => {
    const model = await loadModel(params, {
      onDevice: (kind) => {
        device = kind;
      },
      onProgress: throttled(
        (progress) => post({ id, kind: "progress", progress }),
        ({ bytesLoaded }) => bytesLoaded === totalBytes(params.manifest),
      ),
    });
    queue = new EmbedQueue(model);
    return { result: model.loaded };
  },
  embed: async ({ id, params }) => {
    const onProgress = throttled(
      (progress: EmbedProgress) => post({ id, kind: "progress", progress }),
      ({ done, total }) => done === total,
    );
    const result = await opened(queue).add(id, params.texts, onProgress);
    return { result, transfer: [result.vectors.buffer] };
  },
  "index-open": async ({ params }) => {
    store = await VectorStore.open(params.dimensions);
    return { result: undefined };
  },
  "index-add": async ({ params }) => ({ result: opened(store).add(params.vectors) }),
  "index-search": async ({ params }) => ({ result: opened(store).search(params.query, params.k) }),
  "index-clear": async () => ({ result: opened(store).clear() as undefined }),
};

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === "abort") queue?.cancel(data.id);
  else void answer(data);
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

async function answer<K extends RequestKind>(request: RequestMessage<K>): Promise<void> {
  try {
    const { result, transfer } = await (handlers[request.kind] as Handlers[K])(request);
    post({ id: request.id, kind: "done", result }, transfer);
  } catch (thrown) {
    const { error, fatal } = judge(thrown, device);
    post(fatal ? { kind: "died", error } : { id: request.id, kind: "failed", error });
  }
}

function post(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

function opened<T>(thing: T | undefined): T {
  if (!thing) throw new Error("A request came before the one that opens the worker.");
  return thing;
}
