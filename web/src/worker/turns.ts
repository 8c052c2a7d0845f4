/** Work that is done in steps. */
export interface Task<T> {
  /** Does the next step; `true` when that was the last. What comes of a cancelled one is of no interest. */
  step(order: Order): Promise<boolean>;
  /** What has come of it, asked once, after the last step. */
  result(): T;
  /** Gives up what it holds: after its result, or when it was cancelled; never after a step that failed. */
  release(): void;
}

/** Whether a task is still wanted. */
export interface Order {
  readonly cancelled: boolean;
}

interface Job extends Order {
  id: number;
  task: Task<unknown>;
  cancelled: boolean;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Does tasks in turns of one step each, so that a short one is not kept waiting by a long one.
 *
 * Between turns messages are let in: an abort takes effect after the step that is running.
 */
export class Turns {
  readonly #waiting: Job[] = [];
  #current: Job | undefined;

  /** Appends the task of a request, and gives its result. */
  add<T>(id: number, task: Task<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, task, cancelled: false, resolve: resolve as Job["resolve"], reject });
      if (!this.#current) void this.#run();
    });
  }

  /** Drops a task; its promise stays pending, since nobody waits for it. */
  cancel(id: number): void {
    const job = [this.#current, ...this.#waiting].find((job) => job?.id === id);
    if (job) job.cancelled = true;
  }

  async #run(): Promise<void> {
    const gap = new Gap();
    for (;;) {
      const job = this.#waiting.shift();
      this.#current = job;
      if (!job) return gap.close();
      if (!(await this.#turn(job))) this.#waiting.push(job);
      await gap.pass();
    }
  }

  /** One step of one job; `true` when the job is over. */
  async #turn(job: Job): Promise<boolean> {
    const { task } = job;
    try {
      const over = job.cancelled || (await task.step(job));
      if (!over && !job.cancelled) return false;
      if (!job.cancelled) job.resolve(task.result());
      task.release();
    } catch (error) {
      // The task is not released: a step that failed by a fault of the GPU may still hold what it works on.
      job.reject(error);
    }
    return true;
  }
}

/** Lets the worker handle the messages that have come in; unlike a timer it does not wait. */
class Gap {
  readonly #channel = new MessageChannel();
  #ports: [from: MessagePort, to: MessagePort] = [this.#channel.port1, this.#channel.port2];

  /**
   * Over when they are handled; not to be called again before that. Each message goes the other way, since Node empties
   * a port before it looks at others.
   */
  pass(): Promise<void> {
    const [from, to] = this.#ports;
    this.#ports = [to, from];
    return new Promise((resolve) => {
      to.onmessage = () => resolve();
      from.postMessage(null);
    });
  }

  close(): void {
    this.#channel.port1.close();
  }
}
