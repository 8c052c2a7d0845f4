import { type FaultyDevice, orFault } from "./gpu-fault.js";
import type { EmbedProgress, Requests } from "./protocol.js";
import type { EmbedJob, TextEmbedder } from "./wasm.js";

type EmbedResult = Requests["embed"]["result"];

/** A loaded model, as the queue uses it. */
export interface EmbedEngine {
  device: FaultyDevice;
  embedder: TextEmbedder;
}

interface Job {
  id: number;
  texts: readonly string[];
  /** Made at the job's first turn, so that nothing else is running in the instance meanwhile. */
  work?: EmbedJob;
  cancelled: boolean;
  onProgress(progress: EmbedProgress): void;
  resolve(result: EmbedResult): void;
  reject(error: unknown): void;
}

/**
 * Runs embedding jobs in turns of one batch each, so that a short job is not kept waiting by a long one.
 *
 * Between turns messages are let in: an abort takes effect after the batch that is running.
 */
export class EmbedQueue {
  readonly #engine: EmbedEngine;
  readonly #waiting: Job[] = [];
  #current: Job | undefined;

  constructor(engine: EmbedEngine) {
    this.#engine = engine;
  }

  add(id: number, texts: readonly string[], onProgress: Job["onProgress"]): Promise<EmbedResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, texts, cancelled: false, onProgress, resolve, reject });
      if (!this.#current) void this.#run();
    });
  }

  /** Drops a job; its promise stays pending, since nobody waits for it. */
  cancel(id: number): void {
    const job = [this.#current, ...this.#waiting].find((job) => job?.id === id);
    if (job) job.cancelled = true;
  }

  async #run(): Promise<void> {
    for (;;) {
      const job = this.#waiting.shift();
      this.#current = job;
      if (!job) return;
      if (!(await this.#turn(job))) this.#waiting.push(job);
      await nextTask();
    }
  }

  /** One batch of one job; `true` when the job is over. */
  async #turn(job: Job): Promise<boolean> {
    try {
      if (!job.cancelled) await this.#step(job);
      const { work } = job;
      if (work && !job.cancelled) {
        if (!work.done()) return false;
        job.resolve({ vectors: work.vectors() as Float32Array<ArrayBuffer>, truncated: work.truncated() });
      }
      work?.free();
    } catch (error) {
      // The work is not freed: a step that failed by a fault of the GPU may still hold it.
      job.reject(error);
    }
    return true;
  }

  async #step(job: Job): Promise<void> {
    const { device, embedder } = this.#engine;
    job.work ??= embedder.plan(job.texts as string[]);
    const done = await orFault(device, job.work.step(embedder));
    if (!job.cancelled) job.onProgress({ done, total: job.work.total() });
  }
}

/** Lets the worker handle the messages that have come in; unlike a timer it does not wait. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
