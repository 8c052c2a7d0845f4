/**
 * The worker of embedders and indices: takes their requests of `protocol.ts`, and owns the one wasm instance
 * that serves them.
 *
 * A worker holds one model or one index, whichever it is asked for first.
 */
import { EmbedQueue } from "./embed-queue.js";
import { loadModel } from "./load.js";
import type { EmbedProgress } from "./protocol.js";
import { opened, report, reportLoad, serve, setDevice } from "./serve.js";
import { throttled } from "./throttle.js";
import { VectorStore } from "./vector-store.js";

let queue: EmbedQueue | undefined;
let store: VectorStore | undefined;

serve(
  {
    load: async (request) => {
      const hooks = { onDevice: setDevice, onProgress: reportLoad(request) };
      const model = await loadModel(request.params, hooks);
      queue = new EmbedQueue(model);
      return { result: model.loaded };
    },
    embed: async (request) => {
      const onProgress = throttled(
        (progress: EmbedProgress) => report(request, progress),
        ({ done, total }) => done === total,
      );
      const result = await opened(queue).add(request.id, request.params.texts, onProgress);
      return { result, transfer: [result.vectors.buffer] };
    },
    "index-open": async ({ params }) => {
      store = await VectorStore.open(params.dimensions);
      return { result: undefined };
    },
    "index-add": async ({ params }) => ({ result: opened(store).add(params.vectors) }),
    "index-search": async ({ params }) => ({ result: opened(store).search(params.query, params.k) }),
    "index-clear": async () => ({ result: opened(store).clear() as undefined }),
  },
  (id) => queue?.cancel(id),
);
