import { describe, expect, it } from "vitest";
import { hasChromium, workersLeft, workersNow } from "./harness/chromium.js";
import { largestDifference, miniLm, pick, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { dripping } from "./harness/replies.js";
import { useChromium } from "./harness/use-chromium.js";

const GOLDEN = tinyBert();
const F32 = "all-minilm-l6-v2";
/** Texts of some 20 tokens: enough of them for many seconds of work. */
const MANY = Array.from(
  { length: 3000 },
  (_, i) => `Passage ${i}: the tide rises and falls twice a day, and then again.`,
);
const ABORTED = { ok: false, isInglenookError: false, name: "AbortError" };

describe.skipIf(!hasChromium)("abort and destroy", () => {
  const site = useChromium({ fresh: true });

  /** Nothing computes any more: what was stopped does not go on in secret. */
  async function expectIdle() {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = await site.chromium.rendererCpuMs();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await site.chromium.rendererCpuMs()) - before).toBeLessThan(250);
  }

  it("starts nothing for a signal that was aborted before", async () => {
    const before = site.server.requests.length;
    const found = await site.opened.page.evaluate(async () => {
      const reason = new Error("changed my mind");
      const [plain, reasoned] = [AbortSignal.abort(), AbortSignal.abort(reason)];
      const { Embedder, VectorIndex } = inglenook;
      return [
        await outcomeOf(Embedder.create({ signal: plain })),
        await outcomeOf(Embedder.create({ signal: reasoned })),
        await outcomeOf(VectorIndex.create({ dimensions: 3, signal: plain })),
      ];
    });
    expect(found).toMatchObject([ABORTED, { ok: false, message: "changed my mind" }, ABORTED]);
    expect(site.server.requests.length).toBe(before);
  });

  it("ends a download at once, and the next one begins anew", async () => {
    const files = tinyFolder();
    const weights = files["model.safetensors"] as Uint8Array;
    const slow = dripping(weights, { parts: 40, everyMs: 50 });
    const model = hostModel(site.server, files, { "model.safetensors": slow });
    const found = await site.opened.page.evaluate(async (model) => {
      const abort = new AbortController();
      let abortedAt = 0;
      const creating = inglenook.Embedder.create({
        model,
        signal: abort.signal,
        monitor: (monitor) => {
          monitor.ondownloadprogress = ({ loaded }) => {
            if (loaded < 0.3 || abort.signal.aborted) return;
            abortedAt = performance.now();
            abort.abort();
          };
        },
      });
      const outcome = await outcomeOf(creating);
      const tookMs = performance.now() - abortedAt;
      return { outcome, tookMs, availability: await inglenook.Embedder.availability({ model }) };
    }, model);
    expect(found.outcome).toMatchObject(ABORTED);
    expect(found.tookMs).toBeLessThan(200);
    expect(found.availability).toBe("downloadable");
    expect(await workersLeft(site.opened.page)).toBe(0);
    const second = await site.opened.page.evaluate(
      async ([model, texts]) => {
        const embedder = await inglenook.Embedder.create({ model });
        const vectors = [...(await embedder.embed(texts))];
        embedder.destroy();
        return vectors;
      },
      [model, GOLDEN.texts] as const,
    );
    expect(largestDifference(second, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
  });

  it("ends an embedding at once, and the embedder goes on", async () => {
    const golden = pick(miniLm(), [0, 18, 40]);
    const found = await site.opened.page.evaluate(
      async ([model, many, few]) => {
        const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
        const before = AbortSignal.abort();
        const refused = await outcomeOf(embedder.embed(few, { signal: before }));
        const abort = new AbortController();
        let [abortedAt, lastDone] = [0, 0];
        const embedding = embedder.embed(many, {
          signal: abort.signal,
          onProgress: ({ done }) => {
            lastDone = done;
            if (done < 20 || abort.signal.aborted) return;
            abortedAt = performance.now();
            abort.abort();
          },
        });
        const outcome = await outcomeOf(embedding);
        const tookMs = performance.now() - abortedAt;
        const vectors = [...(await embedder.embed(few))];
        Object.assign(globalThis, { embedder });
        return { refused, outcome, tookMs, lastDone, vectors };
      },
      [F32, MANY, golden.texts] as const,
    );
    expect(found.refused).toMatchObject(ABORTED);
    expect(found.outcome).toMatchObject(ABORTED);
    expect(found.tookMs).toBeLessThan(200);
    expect(found.lastDone).toBeLessThan(MANY.length);
    expect(largestDifference(found.vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
    expect(workersNow(site.opened.page)).toBe(1);
    await expectIdle();
  });

  it("lets other work of the embedder finish when one call is aborted", async () => {
    const model = hostModel(site.server, tinyFolder());
    const found = await site.opened.page.evaluate(
      async ([model, texts, many]) => {
        const embedder = await inglenook.Embedder.create({ model });
        const abort = new AbortController();
        const long = outcomeOf(embedder.embed(many, { signal: abort.signal }));
        const short = embedder.embed(texts);
        abort.abort();
        const vectors = [...(await short)];
        const outcome = await long;
        embedder.destroy();
        return { vectors, outcome };
      },
      [model, GOLDEN.texts, MANY] as const,
    );
    expect(found.outcome).toMatchObject(ABORTED);
    expect(largestDifference(found.vectors, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
  });

  it("rejects everything with `destroyed` once destroyed", async () => {
    const found = await site.opened.page.evaluate(
      async ([model, many]) => {
        const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
        const index = await inglenook.VectorIndex.create({ dimensions: 2 });
        let started = () => {};
        const underWay = new Promise<void>((resolve) => {
          started = resolve;
        });
        const pending = [
          outcomeOf(embedder.embed(many, { onProgress: () => started() })),
          outcomeOf(embedder.embed(["one more"])),
        ];
        await underWay;
        pending.push(outcomeOf(index.add([Float32Array.of(1, 2)])));
        embedder.destroy();
        index.destroy();
        const later = [
          outcomeOf(embedder.embed(["too late"])),
          outcomeOf(embedder.embed([])),
          outcomeOf(index.search(Float32Array.of(1, 2))),
          outcomeOf(index.clear()),
        ];
        embedder.destroy();
        index.destroy();
        return Promise.all([...pending, ...later]);
      },
      [F32, MANY] as const,
    );
    for (const outcome of found) expect(outcome).toMatchObject({ ok: false, code: "destroyed" });
    expect(await workersLeft(site.opened.page)).toBe(0);
    await expectIdle();
  });
});
