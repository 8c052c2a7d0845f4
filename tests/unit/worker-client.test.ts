import { beforeEach, describe, expect, it, vi } from "vitest";
import { InglenookError } from "../../web/src/errors.js";
import { WorkerClient } from "../../web/src/worker-client.js";
import { FakeWorker } from "./fake-worker.js";

let worker: FakeWorker;
let client: WorkerClient;

beforeEach(() => {
  FakeWorker.reset();
  worker = new FakeWorker();
  client = new WorkerClient(worker);
});

const embed = (signal?: AbortSignal) => client.call("embed", { texts: ["a"] }, { signal });

describe("WorkerClient", () => {
  it("pairs answers with requests by id, in any order", async () => {
    const first = client.call("index-search", { query: new Float32Array(1), k: 1 });
    const second = client.call("index-search", { query: new Float32Array(1), k: 2 });
    worker.say({ id: 1, kind: "done", result: [{ index: 2, score: 0.5 }] });
    worker.say({ id: 0, kind: "done", result: [] });
    expect(await second).toEqual([{ index: 2, score: 0.5 }]);
    expect(await first).toEqual([]);
  });

  it("transfers what it is told to", async () => {
    const vectors = new Float32Array([1, 2]);
    void client.call("index-add", { vectors }, { transfer: [vectors.buffer] });
    expect(vectors.length).toBe(0);
    expect(worker.received).toEqual([
      { id: 0, kind: "index-add", params: { vectors: new Float32Array([1, 2]) } },
    ]);
  });

  it("rejects with a typed error when the worker says that a request failed", async () => {
    const call = embed();
    worker.say({
      id: 0,
      kind: "failed",
      error: { code: "malformed-file", message: "Bad.", detail: "x.gguf" },
    });
    const error = await call.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(InglenookError);
    expect(error).toMatchObject({ code: "malformed-file", message: "Bad.", detail: "x.gguf" });
  });

  it("passes progress on until the request is over", async () => {
    const onProgress = vi.fn();
    const call = client.call("embed", { texts: [] }, { onProgress });
    worker.say({ id: 0, kind: "progress", progress: { done: 1, total: 2 } });
    worker.say({
      id: 0,
      kind: "done",
      result: { vectors: new Float32Array(), truncated: new Uint32Array() },
    });
    await call;
    worker.say({ id: 0, kind: "progress", progress: { done: 2, total: 2 } });
    expect(onProgress.mock.calls).toEqual([[{ done: 1, total: 2 }]]);
  });

  it("rejects an aborted call at once, tells the worker, and drops the late answer", async () => {
    const controller = new AbortController();
    const call = embed(controller.signal);
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
    expect(worker.received.at(-1)).toEqual({ id: 0, kind: "abort" });
    worker.say({ id: 0, kind: "failed", error: { code: "internal", message: "Late." } });
    expect(worker.terminated).toBe(false);
  });

  it("sends nothing when the signal is already aborted, and rejects with its reason", async () => {
    const reason = new Error("enough");
    await expect(embed(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(worker.received).toEqual([]);
  });

  it("does not mind an abort after the answer", async () => {
    const controller = new AbortController();
    const call = client.call("index-clear", {}, { signal: controller.signal });
    worker.say({ id: 0, kind: "done", result: undefined });
    await call;
    controller.abort();
    expect(worker.received).toHaveLength(1);
  });

  it.each([
    ["a crash", () => worker.crash("boom"), { code: "worker", message: "The worker failed: boom." }],
    ["a script that cannot be loaded", () => worker.crash(), { code: "worker" }],
    ["a message that cannot be read", () => worker.garble(), { code: "worker" }],
    [
      "its own report",
      () => worker.say({ kind: "died", error: { code: "gpu-lost", message: "Lost." } }),
      { code: "gpu-lost", message: "Lost." },
    ],
  ])("on %s rejects everything pending and everything later, and terminates", async (_, fail, error) => {
    const calls = [embed(), embed()];
    fail();
    for (const call of calls) await expect(call).rejects.toMatchObject(error);
    await expect(embed()).rejects.toMatchObject(error);
    expect(worker.terminated).toBe(true);
  });

  it("keeps the first cause of death", async () => {
    client.die(new InglenookError("destroyed", "Gone."));
    worker.crash("late");
    await expect(embed()).rejects.toMatchObject({ code: "destroyed" });
  });

  it("rejects a call whose parameters cannot be sent", async () => {
    const unsendable = (() => {}) as unknown as string;
    await expect(client.call("embed", { texts: [unsendable] })).rejects.toMatchObject({
      name: "DataCloneError",
    });
  });
});
