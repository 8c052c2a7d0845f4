import type { FromWorker, ToWorker } from "../../web/src/worker/protocol.js";
import type { WorkerPort } from "../../web/src/worker-client.js";

/** Stands in for the package's worker: records what it is sent, and says what the test makes it say. */
export class FakeWorker implements WorkerPort {
  static readonly started: FakeWorker[] = [];
  /** Called with every message after it was recorded. */
  static onRequest: (worker: FakeWorker, message: ToWorker) => void = () => {};

  readonly received: ToWorker[] = [];
  terminated = false;
  onmessage: WorkerPort["onmessage"] = null;
  onerror: WorkerPort["onerror"] = null;
  #onGarble: () => void = () => {};

  constructor() {
    FakeWorker.started.push(this);
  }

  static reset(): void {
    FakeWorker.started.length = 0;
    FakeWorker.onRequest = () => {};
  }

  postMessage(message: ToWorker, options?: Transferable[] | StructuredSerializeOptions): void {
    const transfer = Array.isArray(options) ? options : [];
    this.received.push(structuredClone(message, { transfer }));
    queueMicrotask(() => FakeWorker.onRequest(this, message));
  }

  addEventListener(_: "messageerror", listener: () => void): void {
    this.#onGarble = listener;
  }

  terminate(): void {
    this.terminated = true;
  }

  /** Delivers a message to the page, unless terminated. */
  say(message: FromWorker): void {
    if (!this.terminated) this.#fire(this.onmessage, { data: structuredClone(message) });
  }

  /** Fails as a script does that cannot be loaded, or throws. */
  crash(message?: string): void {
    this.#fire(this.onerror, { message });
  }

  garble(): void {
    this.#onGarble();
  }

  #fire(handler: unknown, event: object): void {
    (handler as ((event: object) => void) | null)?.(event);
  }
}
