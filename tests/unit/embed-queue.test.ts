import { describe, expect, it, vi } from "vitest";
import { type EmbedEngine, EmbedQueue } from "../../web/src/worker/embed-queue.js";

type Fault = ReturnType<EmbedEngine["device"]["fault"]>;

/** Stands in for the wasm bindings: one text a step, vectors of one number, and a log of what was done. */
class FakeEngine {
  readonly log: string[] = [];
  kind: "cpu" | "webgpu" = "cpu";
  fault: Fault;
  freed = 0;
  /** Awaited in every step. */
  beforeStep: () => unknown = () => {};

  readonly engine = {
    device: { kind: () => this.kind, fault: () => this.fault },
    embedder: { plan: (texts: string[]) => this.#plan(texts) },
  } as unknown as EmbedEngine;

  #plan(texts: string[]): object {
    let done = 0;
    return {
      total: () => texts.length,
      done: () => done === texts.length,
      step: async () => {
        await this.beforeStep();
        this.log.push(texts[done] as string);
        return ++done;
      },
      vectors: () => Float32Array.from(texts, (_, i) => i),
      truncated: () => Uint32Array.of(),
      free: () => this.freed++,
    };
  }
}

const lost = { code: "gpu-lost", message: "Lost." } as const;

describe("EmbedQueue", () => {
  it("steps a job to its end and gives vectors and progress", async () => {
    const fake = new FakeEngine();
    const progress: unknown[] = [];
    const result = await new EmbedQueue(fake.engine).add(1, ["a", "b"], (p) => progress.push(p));
    expect(result.vectors).toEqual(Float32Array.of(0, 1));
    expect(progress).toEqual([
      { done: 1, total: 2 },
      { done: 2, total: 2 },
    ]);
    await vi.waitFor(() => expect(fake.freed).toBe(1));
  });

  it("lets jobs take turns", async () => {
    const fake = new FakeEngine();
    const queue = new EmbedQueue(fake.engine);
    await Promise.all([queue.add(1, ["a1", "a2", "a3"], () => {}), queue.add(2, ["b1"], () => {})]);
    expect(fake.log).toEqual(["a1", "b1", "a2", "a3"]);
  });

  it("stops a cancelled job after its batch, frees it, and stays usable", async () => {
    const fake = new FakeEngine();
    const queue = new EmbedQueue(fake.engine);
    const progress = vi.fn();
    fake.beforeStep = () => queue.cancel(1);
    void queue.add(1, ["a1", "a2", "a3"], progress);
    await vi.waitFor(() => expect(fake.freed).toBe(1));
    expect(fake.log).toEqual(["a1"]);
    expect(progress).not.toHaveBeenCalled();
    expect((await queue.add(2, ["b"], () => {})).vectors).toHaveLength(1);
  });

  it("never starts a job that was cancelled while it waited", async () => {
    const fake = new FakeEngine();
    const queue = new EmbedQueue(fake.engine);
    const first = queue.add(1, ["a1", "a2"], () => {});
    void queue.add(2, ["b"], () => {});
    queue.cancel(2);
    await first;
    expect(fake.log).toEqual(["a1", "a2"]);
  });

  it("sees a message that came in between two steps", async () => {
    const fake = new FakeEngine();
    const queue = new EmbedQueue(fake.engine);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => queue.cancel(1);
    fake.beforeStep = () => fake.log.length === 1 && port2.postMessage(null);
    void queue.add(
      1,
      Array.from({ length: 100 }, (_, i) => `${i}`),
      () => {},
    );
    await vi.waitFor(() => expect(fake.freed).toBe(1));
    expect(fake.log.length).toBeLessThan(10);
    port1.close();
  });

  it("rejects a job whose step fails, and goes on with the next", async () => {
    const fake = new FakeEngine();
    const queue = new EmbedQueue(fake.engine);
    fake.beforeStep = () => {
      fake.beforeStep = () => {};
      throw { code: "tokenizer", message: "No." };
    };
    const failing = queue.add(1, ["a"], () => {});
    const next = queue.add(2, ["b"], () => {});
    await expect(failing).rejects.toMatchObject({ code: "tokenizer" });
    expect((await next).vectors).toHaveLength(1);
  });

  it("rejects with the GPU's fault, and gives no numbers", async () => {
    const fake = new FakeEngine();
    fake.kind = "webgpu";
    fake.beforeStep = () => {
      fake.fault = lost;
    };
    await expect(new EmbedQueue(fake.engine).add(1, ["a"], () => {})).rejects.toBe(lost);
  });
});
