import { beforeEach, describe, expect, it, vi } from "vitest";
import { VectorIndex } from "../../web/src/vector-index.js";
import type { Requests } from "../../web/src/worker/protocol.js";
import { FakeWorker } from "./fake-worker.js";

beforeEach(() => {
  FakeWorker.reset();
  vi.stubGlobal("Worker", FakeWorker);
  let size = 0;
  FakeWorker.onRequest = (worker, { id, kind }) => {
    const results: Partial<Record<typeof kind, () => Requests[keyof Requests]["result"]>> = {
      "index-add": () => ++size,
      "index-search": () => [{ index: 1, score: 0.5 }],
    };
    worker.say({ id, kind: "done", result: results[kind]?.() });
  };
});

const last = () => FakeWorker.started[0]?.received.at(-1);

describe("VectorIndex", () => {
  it("sends vectors as one block, and keeps the caller's", async () => {
    const index = await VectorIndex.create({ dimensions: 2 });
    const vectors = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
    await index.add(vectors);
    expect(last()).toMatchObject({ kind: "index-add", params: { vectors: Float32Array.of(1, 2, 3, 4) } });
    expect(vectors[0]).toEqual(Float32Array.of(1, 2));
    expect(index.size).toBe(1);
  });

  it("searches for ten unless told otherwise", async () => {
    const index = await VectorIndex.create({ dimensions: 1 });
    expect(await index.search(Float32Array.of(1))).toEqual([{ index: 1, score: 0.5 }]);
    expect(last()).toMatchObject({ params: { k: 10 } });
    await index.search(Float32Array.of(1), { k: 3 });
    expect(last()).toMatchObject({ params: { k: 3 } });
  });

  it("is empty after clear", async () => {
    const index = await VectorIndex.create({ dimensions: 1 });
    await index.add([Float32Array.of(1)]);
    await index.clear();
    expect(index.size).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN, "3"])("refuses %j dimensions", async (dimensions) => {
    await expect(VectorIndex.create({ dimensions: dimensions as number })).rejects.toMatchObject({
      code: "invalid-input",
    });
    expect(FakeWorker.started).toEqual([]);
  });

  it("refuses vectors of another shape, and silly k", async () => {
    const index = await VectorIndex.create({ dimensions: 2 });
    const invalid = { code: "invalid-input" };
    await expect(index.add([Float32Array.of(1, 2), Float32Array.of(1)])).rejects.toMatchObject(invalid);
    await expect(index.add([[1, 2] as unknown as Float32Array])).rejects.toMatchObject(invalid);
    await expect(index.search(Float32Array.of(1))).rejects.toMatchObject(invalid);
    await expect(index.search(Float32Array.of(1, 2), { k: 0 })).rejects.toMatchObject(invalid);
    expect(index.size).toBe(0);
  });

  it("rejects with `destroyed` after destroy, and ends the worker", async () => {
    const index = await VectorIndex.create({ dimensions: 1 });
    const pending = index.search(Float32Array.of(1));
    index.destroy();
    await expect(pending).rejects.toMatchObject({ code: "destroyed" });
    await expect(index.add([])).rejects.toMatchObject({ code: "destroyed" });
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("starts no worker when already aborted", async () => {
    const signal = AbortSignal.abort();
    await expect(VectorIndex.create({ dimensions: 1, signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(FakeWorker.started).toEqual([]);
  });
});
