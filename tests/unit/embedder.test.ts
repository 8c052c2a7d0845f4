import { beforeEach, describe, expect, it, vi } from "vitest";
import { Embedder } from "../../web/src/embedder.js";
import type { ErrorCode } from "../../web/src/error-code.js";
import { InglenookError } from "../../web/src/errors.js";
import type { Provenance } from "../../web/src/provenance.js";
import type { DeviceKind, FromWorker, Loaded, ToWorker } from "../../web/src/worker/protocol.js";
import { provenanceOn } from "./fake-provenance.js";
import { FakeWorker } from "./fake-worker.js";

const loadedOn = (device: DeviceKind, known: Partial<Provenance> = {}): Loaded => ({
  dimensions: 2,
  maxTokens: 256,
  provenance: provenanceOn(device, known),
});

const verifyModel = vi.fn();
vi.mock("../../web/src/load-signature.js", () => ({ loadSignature: async () => ({ verifyModel }) }));

/** Answers every request by kind; a function is given the worker's number and the message. */
type Script = Partial<Record<ToWorker["kind"], (nth: number, message: ToWorker) => FromWorker | undefined>>;

function script(answers: Script): void {
  FakeWorker.onRequest = (worker, message) => {
    const answer = answers[message.kind]?.(FakeWorker.started.indexOf(worker), message);
    if (answer) worker.say(answer);
  };
}

const load =
  (loaded: Loaded) =>
  (_: number, { id }: ToWorker) =>
    ({ id, kind: "done", result: loaded }) as const;

/** Gives text i of the request the vector [i, 0]. */
function embed(_: number, message: ToWorker): FromWorker {
  const count = message.kind === "embed" ? message.params.texts.length : 0;
  const vectors = Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? i / 2 : 0));
  return { id: message.id, kind: "done", result: { vectors, truncated: Uint32Array.of(1) } };
}

const failed = (id: number, code: ErrorCode) =>
  ({ id, kind: "failed", error: { code, message: `${code}.` } }) as const;
const died = (code: ErrorCode) => ({ kind: "died", error: { code, message: `${code}.` } }) as const;

beforeEach(() => {
  FakeWorker.reset();
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("location", new URL("https://app.example/page/index.html"));
});

describe("Embedder.create", () => {
  it("loads the default model from models/ beside the page", async () => {
    script({ load: load(loadedOn("cpu")) });
    const embedder = await Embedder.create();
    expect(FakeWorker.started[0]?.received[0]).toMatchObject({
      kind: "load",
      params: {
        manifest: { id: "all-minilm-l6-v2-q8_0", files: [{ path: "all-MiniLM-L6-v2-Q8_0.gguf" }] },
        modelHost: "https://app.example/page/models/",
        device: "auto",
        dtype: "auto",
        signature: null,
      },
    });
    expect(embedder).toMatchObject({ model: "all-minilm-l6-v2-q8_0", dimensions: 2, maxTokens: 256 });
    expect(embedder).toMatchObject({ device: "cpu", fallback: null, bytesFetched: 0 });
  });

  it("starts no worker when already aborted, or for a model that does not exist", async () => {
    await expect(Embedder.create({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
    await expect(Embedder.create({ model: "gpt-9" })).rejects.toMatchObject({
      code: "unknown-model",
      detail: "gpt-9",
    });
    expect(FakeWorker.started).toEqual([]);
  });

  it("passes a dtype on, and says what the model computes in", async () => {
    script({ load: load(loadedOn("cpu", { dtype: "q8" })) });
    const embedder = await Embedder.create({ dtype: "q8" });
    expect(FakeWorker.started[0]?.received[0]).toMatchObject({ params: { dtype: "q8" } });
    expect(embedder.dtype).toBe("q8");
  });

  it("refuses a dtype that there is not, before anything starts", async () => {
    await expect(Embedder.create({ dtype: "int8" as "q8" })).rejects.toMatchObject({ code: "invalid-input" });
    expect(FakeWorker.started).toEqual([]);
  });

  it("refuses a device that there is not", async () => {
    const options = { device: "gpu" as "webgpu" };
    await expect(Embedder.create(options)).rejects.toMatchObject({ code: "invalid-input" });
    await expect(Embedder.availability(options)).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("ends the worker at once when aborted on the way", async () => {
    const controller = new AbortController();
    const creation = Embedder.create({ signal: controller.signal });
    controller.abort();
    await expect(creation).rejects.toMatchObject({ name: "AbortError" });
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("has a model's signature verified before a worker is started", async () => {
    script({ load: load(loadedOn("cpu")) });
    const signature = { algorithm: "Ed25519", key: "ab" } as const;
    verifyModel.mockImplementationOnce(async (_, source) => ({
      signature,
      source: { ...source, signed: 1 },
    }));
    await Embedder.create({ publicKey: "PEM" });
    const [pem, source] = verifyModel.mock.lastCall ?? [];
    expect([pem, source.modelHost]).toEqual(["PEM", "https://app.example/page/models/"]);
    expect(FakeWorker.started[0]?.received[0]).toMatchObject({ params: { signature, signed: 1 } });
    for (const publicKey of ["", null as unknown as string]) {
      verifyModel.mockRejectedValueOnce({ code: "signature-invalid", message: "No." });
      const refused = Embedder.create({ publicKey });
      await expect(refused).rejects.toEqual(new InglenookError("signature-invalid", "No."));
    }
    expect(FakeWorker.started).toHaveLength(1);
  });

  it("says what ran, in data that nobody can change and JSON can hold", async () => {
    const adapter = { vendor: "acme", architecture: null, device: null, description: null };
    const device = { kind: "webgpu", threads: 1, relaxedSimd: false, adapter } as const;
    const loaded = loadedOn("webgpu", { device });
    script({ load: load(structuredClone(loaded)) });
    const { provenance } = await Embedder.create();
    expect(provenance).toEqual(loaded.provenance);
    expect(JSON.parse(JSON.stringify(provenance))).toEqual(provenance);
    expect([provenance, provenance.files, provenance.device.adapter].every(Object.isFrozen)).toBe(true);
  });

  it("ends the worker when the model cannot be loaded", async () => {
    script({ load: (_, { id }) => failed(id, "hash-mismatch") });
    await expect(Embedder.create()).rejects.toMatchObject({ code: "hash-mismatch" });
    expect(FakeWorker.started).toHaveLength(1);
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it.each([
    ["gpu-self-test", "self-test-failed"],
    ["gpu-lost", "device-lost"],
    ["gpu-error", "gpu-error"],
  ] as const)("takes the CPU, in a new worker, after %s", async (code, reason) => {
    script({
      load: (nth, message) => (nth === 0 ? failed(message.id, code) : load(loadedOn("cpu"))(nth, message)),
    });
    const embedder = await Embedder.create();
    expect(embedder.fallback).toEqual({ reason, message: `${code}.` });
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([true, false]);
    expect(FakeWorker.started[1]?.received[0]).toMatchObject({ params: { device: "cpu" } });
  });

  it("rejects instead when the GPU was demanded", async () => {
    script({ load: (_, { id }) => failed(id, "gpu-self-test") });
    await expect(Embedder.create({ device: "webgpu" })).rejects.toMatchObject({ code: "gpu-self-test" });
    expect(FakeWorker.started).toHaveLength(1);
  });

  it("adds up the bytes of both attempts, and never lets progress go back", async () => {
    const bytes = 25_008_064;
    FakeWorker.onRequest = (worker, { id }) => {
      for (const bytesLoaded of [0, bytes / 2, bytes]) {
        worker.say({
          id,
          kind: "progress",
          progress: { bytesLoaded, bytesFetched: bytesLoaded, bytesTotal: bytes },
        });
      }
      const second = FakeWorker.started.length === 2;
      worker.say(second ? { id, kind: "done", result: loadedOn("cpu") } : failed(id, "gpu-self-test"));
    };
    const seen: number[] = [];
    const embedder = await Embedder.create({
      monitor: (monitor) => monitor.addEventListener("downloadprogress", ({ loaded }) => seen.push(loaded)),
    });
    expect(seen).toEqual([0, 0.5, 1]);
    expect(embedder.bytesFetched).toBe(2 * bytes);
  });
});

describe("Embedder.embed", () => {
  it("gives one vector per text, in order, with the truncated ones named", async () => {
    script({ load: load(loadedOn("cpu")), embed });
    const embedder = await Embedder.create();
    const vectors = await embedder.embed(["a", "b", "c"]);
    expect([...vectors]).toEqual([Float32Array.of(0, 0), Float32Array.of(1, 0), Float32Array.of(2, 0)]);
    expect(vectors.truncated).toEqual([1]);
  });

  it("answers an empty array without asking the worker", async () => {
    script({ load: load(loadedOn("cpu")) });
    const embedder = await Embedder.create();
    const vectors = await embedder.embed([]);
    expect([...vectors]).toEqual([]);
    expect(vectors.truncated).toEqual([]);
  });

  it.each(["one string", [1], undefined, ["a", null]])("refuses %j", async (texts) => {
    script({ load: load(loadedOn("cpu")) });
    const embedder = await Embedder.create();
    await expect(embedder.embed(texts as string[])).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("repeats the interrupted calls on the CPU when the GPU fails, and says so once", async () => {
    script({
      load: (nth, message) => load(loadedOn(nth === 0 ? "webgpu" : "cpu"))(nth, message),
      embed: (nth, message) => (nth === 0 ? died("gpu-lost") : embed(nth, message)),
    });
    const embedder = await Embedder.create();
    const changes = vi.fn();
    embedder.ondevicechange = changes;
    embedder.addEventListener("devicechange", changes);
    expect(embedder.device).toBe("webgpu");
    const [one, two] = await Promise.all([embedder.embed(["a", "b"]), embedder.embed(["c"])]);
    expect([one.length, two.length]).toEqual([2, 1]);
    expect(embedder).toMatchObject({ device: "cpu", fallback: { reason: "device-lost" } });
    expect(embedder.provenance).toMatchObject({
      device: { kind: "cpu" },
      fallback: { reason: "device-lost" },
    });
    expect(changes).toHaveBeenCalledTimes(2);
    expect(FakeWorker.started).toHaveLength(2);
  });

  it("rejects, now and later, when the GPU was demanded", async () => {
    script({ load: load(loadedOn("webgpu")), embed: () => died("gpu-lost") });
    const embedder = await Embedder.create({ device: "webgpu" });
    await expect(embedder.embed(["a"])).rejects.toMatchObject({ code: "gpu-lost" });
    await expect(embedder.embed(["a"])).rejects.toMatchObject({ code: "gpu-lost" });
    expect(FakeWorker.started).toHaveLength(1);
  });

  it("keeps rejecting after the CPU engine has stopped", async () => {
    script({ load: load(loadedOn("cpu")), embed: () => died("internal") });
    const embedder = await Embedder.create();
    await expect(embedder.embed(["a"])).rejects.toMatchObject({ code: "internal" });
    await expect(embedder.embed(["a"])).rejects.toMatchObject({ code: "internal" });
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("can be aborted while it moves to the CPU, and the move goes on", async () => {
    let finishMove = () => {};
    script({
      load: (nth, message) => {
        if (nth === 0) return load(loadedOn("webgpu"))(nth, message);
        finishMove = () => FakeWorker.started[1]?.say(load(loadedOn("cpu"))(nth, message));
        return undefined;
      },
      embed: (nth, message) => (nth === 0 ? died("gpu-error") : embed(nth, message)),
    });
    const embedder = await Embedder.create();
    const controller = new AbortController();
    const aborted = embedder.embed(["a"], { signal: controller.signal });
    const patient = embedder.embed(["b"]);
    await vi.waitFor(() => expect(FakeWorker.started[1]?.received).toHaveLength(1));
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
    finishMove();
    expect(await patient).toHaveLength(1);
  });

  it("never lets progress go back when the work begins again", async () => {
    FakeWorker.onRequest = (worker, { id, kind }) => {
      const first = FakeWorker.started.length === 1;
      if (kind === "load")
        return worker.say({ id, kind: "done", result: loadedOn(first ? "webgpu" : "cpu") });
      for (const done of first ? [1, 2] : [1, 2, 3]) {
        worker.say({ id, kind: "progress", progress: { done, total: 3 } });
      }
      if (first) return worker.say(died("gpu-lost"));
      const vectors = new Float32Array(6);
      worker.say({ id, kind: "done", result: { vectors, truncated: new Uint32Array() } });
    };
    const embedder = await Embedder.create();
    const seen: number[] = [];
    await embedder.embed(["a", "b", "c"], { onProgress: ({ done }) => seen.push(done) });
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe("Embedder.destroy", () => {
  it("ends the worker; pending and later calls reject with `destroyed`", async () => {
    script({ load: load(loadedOn("cpu")) });
    const embedder = await Embedder.create();
    const pending = embedder.embed(["a"]);
    embedder.destroy();
    embedder.destroy();
    await expect(pending).rejects.toMatchObject({ code: "destroyed" });
    await expect(embedder.embed(["a"])).rejects.toMatchObject({ code: "destroyed" });
    await expect(embedder.embed([])).rejects.toMatchObject({ code: "destroyed" });
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("stops a move to the CPU", async () => {
    script({
      load: (nth, message) => (nth === 0 ? load(loadedOn("webgpu"))(nth, message) : undefined),
      embed: () => died("gpu-lost"),
    });
    const embedder = await Embedder.create();
    const pending = embedder.embed(["a"]);
    await vi.waitFor(() => expect(FakeWorker.started).toHaveLength(2));
    embedder.destroy();
    await expect(pending).rejects.toMatchObject({ code: "destroyed" });
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([true, true]);
  });
});

describe("Embedder.availability", () => {
  const cacheWith = (...held: string[]) => ({
    open: async () => ({
      match: async (key: string) => (held.some((hash) => key.includes(hash)) ? new Response("1") : undefined),
    }),
  });
  const HASH = "263215c3cadd6e16740741a7624ab4cbb6c8e777688bd5331ecfbf5681c2f8ed";

  it("tells what is in the cache", async () => {
    expect(await Embedder.availability()).toBe("downloadable");
    vi.stubGlobal("caches", cacheWith(HASH));
    expect(await Embedder.availability()).toBe("available");
    expect(await Embedder.availability({ model: "all-minilm-l6-v2" })).toBe("downloadable");
  });

  it("does without a cache that is denied", async () => {
    vi.stubGlobal("caches", { open: () => Promise.reject(new DOMException("no", "SecurityError")) });
    expect(await Embedder.availability()).toBe("downloadable");
  });

  it("says when a download is under way", async () => {
    vi.stubGlobal("caches", cacheWith());
    const controller = new AbortController();
    const creation = Embedder.create({ signal: controller.signal });
    expect(await Embedder.availability()).toBe("downloading");
    expect(await Embedder.availability({ model: "all-minilm-l6-v2" })).toBe("downloadable");
    controller.abort();
    await creation.catch(() => {});
    expect(await Embedder.availability()).toBe("downloadable");
  });

  it("is unavailable without SIMD, and without the GPU where that is demanded", async () => {
    vi.stubGlobal("navigator", {});
    expect(await Embedder.availability({ device: "webgpu" })).toBe("unavailable");
    vi.spyOn(WebAssembly, "validate").mockReturnValueOnce(false);
    expect(await Embedder.availability()).toBe("unavailable");
  });

  it("rejects a model that does not exist", async () => {
    await expect(Embedder.availability({ model: "none" })).rejects.toMatchObject({ code: "unknown-model" });
  });
});
