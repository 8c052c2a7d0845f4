/** What `create` says of the time between the download and the model's being ready. */
import { describe, expect, it } from "vitest";
import { tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { LOSSY_GPU } from "./harness/faults.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

/** What is loaded, how, and at least how many steps that has. */
const LOADS = [
  ["LanguageModel", "cpu", 3],
  ["LanguageModel", "webgpu", 12],
  ["Embedder", "cpu", 2],
  ["Embedder", "webgpu", 4],
] as const;

describe.skipIf(!hasChromium)("the preparation of a model", () => {
  const site = useChromium({ gpu: true, fresh: true });

  const files = { LanguageModel: { "model.gguf": tinyLlama("model-q8_0.gguf") }, Embedder: tinyFolder() };

  /** In the page: loads a model; gives the order of its events, and how far each says that the preparation has come. */
  const load = (kind: "LanguageModel" | "Embedder", device: "auto" | "cpu" | "webgpu") =>
    site.opened.page.evaluate(
      async ([kind, model, device]) => {
        const told: { type: string; loaded: number }[] = [];
        const created = await inglenook[kind].create({
          model,
          device,
          monitor: (monitor) => {
            monitor.addEventListener("downloadprogress", ({ type, loaded }) => told.push({ type, loaded }));
            monitor.addEventListener("prepareprogress", ({ type, loaded }) => told.push({ type, loaded }));
          },
        });
        const { device: where } = created;
        created.destroy();
        const begun = told.findIndex(({ type }) => type === "prepareprogress");
        const prepared = told.slice(begun);
        return { where, before: told[begun - 1], types: prepared.map(({ type }) => type), prepared };
      },
      [kind, hostModel(site.server, files[kind]), device] as const,
    );

  it.each(LOADS)("of %s on %s goes from 0 to 1, after the download", async (kind, device, steps) => {
    const { where, before, types, prepared } = await load(kind, device);
    expect([where, before]).toEqual([device, { type: "downloadprogress", loaded: 1 }]);
    expect(new Set(types)).toEqual(new Set(["prepareprogress"]));
    const fractions = prepared.map(({ loaded }) => loaded);
    expect([fractions[0], fractions.at(-1)]).toEqual([0, 1]);
    expect(fractions.every((fraction, i) => i === 0 || fraction > (fractions[i - 1] as number))).toBe(true);
    expect(fractions.length).toBeGreaterThanOrEqual(steps);
  });

  it("does not go back when the GPU gives way to the CPU", async () => {
    site.server.setPrelude(LOSSY_GPU);
    const { where, prepared } = await load("LanguageModel", "auto");
    const fractions = prepared.map(({ loaded }) => loaded);
    expect([where, fractions[0], fractions.at(-1)]).toEqual(["cpu", 0, 1]);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(Math.max(...fractions.slice(0, -1))).toBeGreaterThan(1 / 3);
  });

  it("can be aborted", async () => {
    const model = hostModel(site.server, files.LanguageModel);
    const found = await site.opened.page.evaluate(async (model) => {
      const abort = new AbortController();
      const fractions: number[] = [];
      const creating = inglenook.LanguageModel.create({
        model,
        device: "webgpu",
        signal: abort.signal,
        monitor: (monitor) => {
          monitor.onprepareprogress = ({ loaded }) => {
            fractions.push(loaded);
            if (loaded > 0.4) abort.abort();
          };
        },
      });
      return { outcome: await outcomeOf(creating), most: Math.max(...fractions) };
    }, model);
    expect(found.outcome).toMatchObject({ ok: false, name: "AbortError" });
    expect(found.most).toBeLessThan(1);
    expect(await workersLeft(site.opened.page)).toBe(0);
  });
});
