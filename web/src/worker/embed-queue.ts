import { type FaultyDevice, orFault } from "./gpu-fault.js";
import type { EmbedProgress, Requests } from "./protocol.js";
import { type Order, type Task, Turns } from "./turns.js";
import type { EmbedJob, TextEmbedder } from "./wasm.js";

type EmbedResult = Requests["embed"]["result"];

/** A loaded model, as the queue uses it. */
export interface EmbedEngine {
  device: FaultyDevice;
  embedder: TextEmbedder;
}

/** Runs embedding jobs in turns of one batch each. */
export class EmbedQueue {
  readonly #engine: EmbedEngine;
  readonly #turns = new Turns();

  constructor(engine: EmbedEngine) {
    this.#engine = engine;
  }

  add(
    id: number,
    texts: readonly string[],
    onProgress: (progress: EmbedProgress) => void,
  ): Promise<EmbedResult> {
    return this.#turns.add(id, new EmbedTask(this.#engine, texts, onProgress));
  }

  cancel(id: number): void {
    this.#turns.cancel(id);
  }
}

class EmbedTask implements Task<EmbedResult> {
  readonly #engine: EmbedEngine;
  readonly #texts: readonly string[];
  readonly #onProgress: (progress: EmbedProgress) => void;
  /** Made at the first step, so that nothing else is running in the instance meanwhile. */
  #job: EmbedJob | undefined;

  constructor(engine: EmbedEngine, texts: readonly string[], onProgress: (progress: EmbedProgress) => void) {
    this.#engine = engine;
    this.#texts = texts;
    this.#onProgress = onProgress;
  }

  async step(order: Order): Promise<boolean> {
    const { device, embedder } = this.#engine;
    this.#job ??= embedder.plan(this.#texts as string[]);
    const done = await orFault(device, this.#job.step(embedder));
    if (!order.cancelled) this.#onProgress({ done, total: this.#job.total() });
    return this.#job.done();
  }

  result(): EmbedResult {
    const job = this.#job as EmbedJob;
    return { vectors: job.vectors() as Float32Array<ArrayBuffer>, truncated: job.truncated() };
  }

  release(): void {
    this.#job?.free();
  }
}
