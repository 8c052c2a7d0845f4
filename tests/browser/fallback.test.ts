import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DeviceChoice, ModelManifest } from "../../web/src/index.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import * as faults from "./harness/faults.js";
import { largestDifference, pick, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { status } from "./harness/replies.js";
import { useChromium } from "./harness/use-chromium.js";

const TINY = tinyBert();
/** More texts than are tokenised together, and so at least two batches. */
const GOLDEN = pick(
  TINY,
  Array.from({ length: 300 }, (_, i) => i % TINY.texts.length),
);
const GPU_BUILD = "/dist/inglenook_gpu.wasm";
/** Reasons that are found before anything is loaded. */
const PROBED = ["no-webgpu", "no-adapter", "limits-too-small"];

interface Run {
  model: ModelManifest;
  device: DeviceChoice;
  texts: string[];
}

/** In the page: creates, embeds twice, and tells everything that an application can see. */
async function observe({ model, device, texts }: Run) {
  const changes: string[] = [];
  const embedder = await inglenook.Embedder.create({ model, device });
  const atStart = { device: embedder.device, fallback: embedder.fallback };
  embedder.addEventListener("devicechange", () => changes.push(`event: ${embedder.device}`));
  embedder.ondevicechange = () => changes.push(`handler: ${embedder.fallback?.reason}`);
  const progress: number[] = [];
  const first = await embedder.embed(texts, { onProgress: ({ done }) => progress.push(done) });
  const second = await embedder.embed(texts);
  const { device: now, fallback } = embedder;
  embedder.destroy();
  return {
    atStart,
    atEnd: { device: now, fallback },
    changes,
    progress,
    first: [...first],
    second: [...second],
  };
}

/** In the page: how creating, and then embedding, end when the GPU is demanded. */
async function demand({ model, texts }: Omit<Run, "device">) {
  const creating = inglenook.Embedder.create({ model, device: "webgpu" });
  const created = await outcomeOf(creating);
  if (!created.ok) return { created };
  const embedder = await creating;
  const changes: unknown[] = [];
  embedder.ondevicechange = (event) => changes.push(event);
  const embedded = await outcomeOf(embedder.embed(texts));
  const again = await outcomeOf(embedder.embed(texts));
  embedder.destroy();
  return { created, embedded, again, changes: changes.length, device: embedder.device };
}

describe.skipIf(!hasChromium)("when the GPU cannot be used", () => {
  const site = useChromium({ gpu: true, fresh: true });
  let model: ModelManifest;

  beforeAll(async () => {
    model = hostModel(site.server, tinyFolder());
  });

  beforeEach(async () => {
    site.server.setPrelude();
    site.server.restore(GPU_BUILD);
    site.server.requests.length = 0;
  });

  const observed = (device: DeviceChoice) => {
    const run: Run = { model, device, texts: GOLDEN.texts };
    return site.opened.page.evaluate(observe, run);
  };

  /** With "auto", the right vectors come from the CPU, and the reason is there to be read. */
  async function expectFallback(reason: string, message: RegExp, { inTheMiddle = false } = {}) {
    const found = await observed("auto");
    const onCpu = { device: "cpu", fallback: { reason, message: expect.stringMatching(message) } };
    expect(found.atStart).toEqual(inTheMiddle ? { device: "webgpu", fallback: null } : onCpu);
    expect(found.atEnd).toEqual(onCpu);
    expect(found.changes).toEqual(inTheMiddle ? ["event: cpu", `handler: ${reason}`] : []);
    expect(largestDifference(found.first, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
    expect(largestDifference(found.second, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
    expect(found.progress).toEqual([...new Set(found.progress)].sort((a, b) => a - b));
    if (inTheMiddle) expect(found.progress[0]).toBeLessThan(GOLDEN.texts.length);
    expect(found.progress.at(-1)).toBe(GOLDEN.texts.length);
    expect(await workersLeft(site.opened.page)).toBe(0);
    const askedForGpuBuild = site.server.paths.some((path) => path.includes("inglenook_gpu"));
    expect(askedForGpuBuild).toBe(!PROBED.includes(reason));
    expect(site.opened.errors).toEqual([]);
  }

  /** With "webgpu", there is a typed error and nothing else. */
  async function expectRejection(code: string, message: RegExp, { inTheMiddle = false } = {}) {
    const found = await site.opened.page.evaluate(demand, { model, texts: GOLDEN.texts });
    const rejected = { ok: false, isInglenookError: true, code, message: expect.stringMatching(message) };
    if (!inTheMiddle) expect(found).toEqual({ created: expect.objectContaining(rejected) });
    else {
      expect(found.created).toEqual({ ok: true });
      expect(found).toMatchObject({ embedded: rejected, again: rejected, changes: 0, device: "webgpu" });
    }
    expect(await workersLeft(site.opened.page)).toBe(0);
  }

  describe.each([
    ["no WebGPU", faults.NO_WEBGPU, "no-webgpu", "gpu-unavailable", /has no WebGPU/],
    ["no adapter", faults.NO_ADAPTER, "no-adapter", "gpu-unavailable", /no adapter/],
    ["an adapter refused", faults.ADAPTER_REFUSED, "no-adapter", "gpu-unavailable", /no adapter/],
    [
      "small buffers",
      faults.limited("maxStorageBufferBindingSize", 1 << 20),
      "limits-too-small",
      "gpu-limits",
      /maxStorageBufferBindingSize is 1048576, and 134217728 are needed/,
    ],
    [
      "few threads",
      faults.limited("maxComputeInvocationsPerWorkgroup", 128),
      "limits-too-small",
      "gpu-limits",
      /maxComputeInvocationsPerWorkgroup is 128, and 256 are needed/,
    ],
    ["nothing computed", faults.IDLE_GPU, "self-test-failed", "gpu-self-test", /other numbers/],
    ["some of it not computed", faults.LOSSY_GPU, "self-test-failed", "gpu-self-test", /other numbers/],
    ["a device lost at once", faults.LOST_AT_START, "device-lost", "gpu-lost", /was lost/],
    ["a device lost in the middle of a load", faults.LOST_DURING_LOAD, "device-lost", "gpu-lost", /was lost/],
    ["an error at once", faults.ERROR_AT_START, "gpu-error", "gpu-error", /reported an error/],
  ])("%s", (_, prelude, reason, code, message) => {
    it(`falls back: ${reason}`, async () => {
      site.server.setPrelude(prelude);
      await expectFallback(reason, message);
    });

    it(`rejects when the GPU was demanded: ${code}`, async () => {
      site.server.setPrelude(prelude);
      await expectRejection(code, message);
    });
  });

  describe.each([
    ["a device lost in the middle of work", faults.LOST_DURING_WORK, "device-lost", "gpu-lost", /was lost/],
    [
      "an error in the middle of work",
      faults.ERROR_DURING_WORK,
      "gpu-error",
      "gpu-error",
      /reported an error/,
    ],
  ])("%s", (_, prelude, reason, code, message) => {
    it(`finishes the work on the CPU: ${reason}`, async () => {
      site.server.setPrelude(prelude);
      await expectFallback(reason, message, { inTheMiddle: true });
    });

    it(`rejects when the GPU was demanded: ${code}`, async () => {
      site.server.setPrelude(prelude);
      await expectRejection(code, message, { inTheMiddle: true });
    });
  });

  it("notices a device that was lost between two calls", async () => {
    site.server.setPrelude(faults.LOST_ON_DEMAND);
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model });
        await embedder.embed(texts.slice(0, 1));
        const before = embedder.device;
        const channel = new BroadcastChannel("lose");
        const lost = new Promise((resolve) => {
          channel.onmessage = resolve;
        });
        channel.postMessage("now");
        await lost;
        const vectors = [...(await embedder.embed(texts))];
        embedder.destroy();
        return { before, after: embedder.device, reason: embedder.fallback?.reason, vectors };
      },
      [model, GOLDEN.texts] as const,
    );
    expect(found).toMatchObject({ before: "webgpu", after: "cpu", reason: "device-lost" });
    expect(largestDifference(found.vectors, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
  });

  it("moves all the calls that are under way, once", async () => {
    site.server.setPrelude(faults.LOST_DURING_WORK);
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model });
        let changes = 0;
        embedder.ondevicechange = () => changes++;
        const [a, b, aborted] = await Promise.all([
          embedder.embed(texts),
          embedder.embed([...texts].reverse()),
          outcomeOf(embedder.embed(texts, { signal: AbortSignal.timeout(5) })),
        ]);
        embedder.destroy();
        return { a: [...a], b: [...b].reverse(), aborted, changes };
      },
      [model, GOLDEN.texts] as const,
    );
    expect(largestDifference(found.a, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
    expect(largestDifference(found.b, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
    expect(found.aborted).toMatchObject({ ok: false, name: "TimeoutError" });
    expect(found.changes).toBe(1);
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it("can be destroyed while it moves", async () => {
    site.server.setPrelude(faults.LOST_DURING_WORK);
    const found = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model });
        const embedding = outcomeOf(embedder.embed(texts));
        const NativeWorker = globalThis.Worker;
        // The next worker is the one on the CPU.
        const replaced = new Promise<void>((resolve) => {
          globalThis.Worker = class extends NativeWorker {
            constructor(...args: ConstructorParameters<typeof NativeWorker>) {
              super(...args);
              setTimeout(resolve);
            }
          };
        });
        await replaced;
        embedder.destroy();
        return [await embedding, await outcomeOf(embedder.embed(texts))];
      },
      [model, GOLDEN.texts] as const,
    );
    expect(found).toMatchObject([{ code: "destroyed" }, { code: "destroyed" }]);
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it("no device", async () => {
    site.server.setPrelude(faults.DEVICE_REFUSED);
    const found = await observed("auto");
    expect(found.atStart.fallback?.reason).toBe("no-adapter");
    expect(found.atStart.fallback?.message).toMatch(/WebGPU cannot be used/);
    expect(largestDifference(found.first, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
  });

  it("the GPU build is missing on the server", async () => {
    site.server.answer(GPU_BUILD, status(404));
    const found = await observed("auto");
    expect(found.atStart.fallback?.reason).toBe("gpu-error");
    expect(found.atStart.fallback?.message).toMatch(/could not be started/);
    expect(largestDifference(found.first, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
  });

  it("is no concern of a page that asked for the CPU", async () => {
    const found = await observed("cpu");
    expect(found.atEnd).toEqual({ device: "cpu", fallback: null });
    expect(site.server.paths.join()).not.toContain("inglenook_gpu");
  });
});
