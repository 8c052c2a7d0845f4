import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { tinyLlama } from "./harness/chats.js";
import { hasChromium } from "./harness/chromium.js";
import { FileHost } from "./harness/file-host.js";
import { largestDifference, lowestCosine, miniLm, pick, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { whole } from "./harness/replies.js";
import { damage, evict } from "./harness/stored-file.js";
import { useChromium } from "./harness/use-chromium.js";

const PATH = "model.gguf";
const PIECE = 2 ** 18;
const FILE = readFileSync(join(ROOT, "models/weights/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf"));
const GOLDEN = pick(miniLm(), [0, 18]);
const TINY = tinyBert();
const TINY_FILES = tinyFolder();
const TINY_BYTES = Object.values(TINY_FILES).reduce((sum, { length }) => sum + length, 0);

/** In the page: makes an embedder, uses it, and tells what it cost and what became of storing it. */
async function use({ model, texts }: { model: ModelManifest; texts: string[] }) {
  const errors: string[] = [];
  const embedder = await inglenook.Embedder.create({
    model,
    device: "cpu",
    monitor: (monitor) => {
      monitor.onstorageerror = ({ error }) => errors.push(error.code);
    },
  });
  const vectors = [...(await embedder.embed(texts))];
  const { bytesFetched } = embedder;
  embedder.destroy();
  return { vectors, bytesFetched, errors, availability: await inglenook.Embedder.availability({ model }) };
}

describe.skipIf(!hasChromium)("the store", () => {
  const site = useChromium({ fresh: true });
  let host: FileHost;
  let model: ModelManifest;

  beforeEach(() => {
    host = new FileHost(FILE);
    model = hostModel(site.server, { [PATH]: FILE }, { [PATH]: host.reply });
    site.server.setPrelude();
  });

  const name = () => model.files[0]?.sha256 ?? "";

  async function expectLoads() {
    const found = await site.opened.page.evaluate(use, { model, texts: GOLDEN.texts });
    expect(lowestCosine(found.vectors, GOLDEN.vectors)).toBeGreaterThanOrEqual(0.999);
    return found;
  }

  it("fetches again what was damaged, and nothing else", async () => {
    await expectLoads();
    host.asked.length = 0;
    await site.opened.page.evaluate(damage, {
      name: name(),
      at: [3, 40, 41].map((piece) => piece * PIECE + 99),
    });
    expect(await expectLoads()).toMatchObject({ bytesFetched: 3 * PIECE, availability: "available" });
    const range = (from: number, to: number) => `bytes=${from * PIECE}-${to * PIECE - 1}`;
    expect(host.asked.map(({ range }) => range).sort()).toEqual([range(40, 41), range(41, 42), range(3, 4)]);
    expect(await expectLoads()).toMatchObject({ bytesFetched: 0 });
  });

  it("fetches all of a damaged file from a host without ranges", async () => {
    await expectLoads();
    host.ranges = "ignored";
    await site.opened.page.evaluate(damage, { name: name(), at: [3 * PIECE] });
    expect(await expectLoads()).toMatchObject({ bytesFetched: FILE.length, availability: "available" });
  });

  it("notices that the browser has deleted a file", async () => {
    await expectLoads();
    await site.opened.page.evaluate(evict, name());
    const availability = () =>
      site.opened.page.evaluate((model) => inglenook.Embedder.availability({ model }), model);
    expect(await availability()).toBe("downloadable");
    expect(await expectLoads()).toMatchObject({ bytesFetched: FILE.length, availability: "available" });
  });

  it("uses what an earlier version kept in the Cache", async () => {
    site.server.answer("/old", whole(FILE));
    await site.opened.page.evaluate(async (name) => {
      const cache = await caches.open("inglenook-v1");
      const file = await fetch("/old");
      await cache.put(`https://inglenook.invalid/${name}`, file);
      await cache.put(`https://inglenook.invalid/${name}?complete`, new Response("1"));
    }, name());
    expect(await expectLoads()).toMatchObject({ bytesFetched: 0, availability: "available" });
    expect(host.asked).toEqual([]);
    const info = await site.opened.page.evaluate((model) => inglenook.models.info(model), model);
    expect(info).toMatchObject({ model: model.id, complete: true });
  });

  it("is the Cache where there is no file system", async () => {
    const none = `Object.defineProperty(StorageManager.prototype, "getDirectory", { value: undefined });`;
    site.server.setPrelude(none);
    expect(await expectLoads()).toMatchObject({
      bytesFetched: FILE.length,
      availability: "available",
      errors: [],
    });
    expect(await expectLoads()).toMatchObject({ bytesFetched: 0 });
    expect(await site.opened.page.evaluate(() => inglenook.models.list())).toMatchObject([
      { model: model.id, bytes: FILE.length, complete: true },
    ]);
    expect(await site.opened.page.evaluate((model) => inglenook.models.remove(model), model)).toBe(true);
    expect(await expectLoads()).toMatchObject({ bytesFetched: FILE.length });
  });

  it("goes without when the quota is used up, and says so", async () => {
    const session = await site.opened.context.newCDPSession(site.opened.page);
    const { origin } = new URL(site.server.url);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 10_000_000 });
    for (let round = 0; round < 2; round++) {
      expect(await expectLoads()).toMatchObject({
        bytesFetched: FILE.length,
        availability: "downloadable",
        errors: ["storage-full"],
      });
    }
    const info = await site.opened.page.evaluate((model) => inglenook.models.info(model), model);
    expect(info).toMatchObject({ bytes: 0, complete: false });
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    expect(await expectLoads()).toMatchObject({ availability: "available", errors: [] });
  });

  it("goes without when it becomes full in the middle", async () => {
    site.server.setPrelude(`{
      const write = FileSystemSyncAccessHandle.prototype.write;
      FileSystemSyncAccessHandle.prototype.write = function (bytes, options) {
        if (options.at > 12_000_000) throw new DOMException("no", "QuotaExceededError");
        return write.call(this, bytes, options);
      };
    }`);
    const found = await expectLoads();
    expect(found).toMatchObject({ availability: "downloadable", errors: ["storage-full"] });
  });

  it("goes without where storing is denied, and says so", async () => {
    const denied = `throw new DOMException("no", "SecurityError");`;
    site.server.setPrelude(`
      StorageManager.prototype.getDirectory = async () => { ${denied} };
      CacheStorage.prototype.open = async () => { ${denied} };`);
    expect(await expectLoads()).toMatchObject({
      bytesFetched: FILE.length,
      availability: "downloadable",
      errors: ["storage-denied"],
    });
  });

  it("tells what is there, how large, and since when it was not used; and removes it", async () => {
    const tiny = hostModel(site.server, TINY_FILES);
    const address = "/somewhere/tiny.gguf";
    const chat = tinyLlama("model-q8_0.gguf");
    site.server.answer(address, whole(chat));
    await site.opened.page.evaluate(use, { model: tiny, texts: TINY.texts });
    const before = Date.now();
    await expectLoads();
    const found = await site.opened.page.evaluate(
      async ([tiny, address]) => {
        const { models, LanguageModel } = inglenook;
        (await LanguageModel.create({ model: address, device: "cpu" })).destroy();
        const list = (await models.list()).map((model) => ({ ...model, usedAt: Number(model.usedAt) }));
        const [info, byAddress] = [await models.info(tiny.id), await models.info(address)];
        const nothing = await models.info("not-there");
        const estimate = await models.estimate();
        const removed = [await models.remove(tiny), await models.remove(tiny), await models.remove(address)];
        const left = (await models.list()).map(({ model }) => model);
        return { list, info, byAddress, nothing, estimate, removed, left, persisted: await models.persist() };
      },
      [tiny, address] as const,
    );
    const url = new URL(address, site.server.url).href;
    const byName = (name: string) => found.list.find(({ model }) => model === name);
    expect(found.list.map(({ model }) => model).sort()).toEqual([model.id, tiny.id, url].sort());
    expect(byName(tiny.id)).toMatchObject({ bytes: TINY_BYTES, bytesTotal: TINY_BYTES, complete: true });
    expect(byName(url)).toMatchObject({ bytes: chat.length, bytesTotal: chat.length, complete: true });
    expect(byName(tiny.id)?.usedAt).toBeLessThan(byName(model.id)?.usedAt ?? 0);
    expect(byName(model.id)?.usedAt).toBeGreaterThanOrEqual(before);
    expect(found.info).toMatchObject({ bytes: TINY_BYTES });
    expect(found.byAddress).toMatchObject({ bytes: chat.length, complete: true });
    expect(found.nothing).toEqual({
      model: "not-there",
      bytes: 0,
      bytesTotal: 0,
      complete: false,
      usedAt: undefined,
    });
    const { estimate } = found;
    expect(estimate).toMatchObject({ place: "file-system", models: TINY_BYTES + chat.length + FILE.length });
    expect(estimate.usage).toBeGreaterThanOrEqual(estimate.models);
    expect(estimate.quota).toBeGreaterThan(estimate.usage ?? Number.POSITIVE_INFINITY);
    expect(found.removed).toEqual([true, false, true]);
    expect(found.left).toEqual([model.id]);
    expect(typeof found.persisted).toBe("boolean");
    const again = await site.opened.page.evaluate(use, { model: tiny, texts: TINY.texts });
    expect(again.bytesFetched).toBe(TINY_BYTES);
    expect(largestDifference(again.vectors, TINY.vectors)).toBeLessThanOrEqual(1e-5);
  });

  it("says why where a page may store nothing", async () => {
    const outcomes = await site.opened.page.evaluate(async () => {
      Object.defineProperty(navigator, "storage", { value: undefined });
      Object.defineProperty(globalThis, "caches", { value: undefined });
      const { models } = inglenook;
      const calls = [
        models.list(),
        models.info("a"),
        models.remove("a"),
        models.persist(),
        models.estimate(),
      ];
      return Promise.all(calls.map(outcomeOf));
    });
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ isInglenookError: true, code: "storage-denied" });
  });

  it("removes a model when its download is over", async () => {
    host.stallAfter = FILE.length / 2;
    await site.opened.page.evaluate(async (model) => {
      const embedder = inglenook.Embedder.create({ model, device: "cpu" });
      Object.assign(globalThis, { embedder });
    }, model);
    await expect.poll(() => host.sent, { timeout: 60_000 }).toBeGreaterThanOrEqual(FILE.length / 2);
    const removing = site.opened.page.evaluate(async (model) => {
      const removed = await inglenook.models.remove(model);
      return { removed, info: await inglenook.models.info(model) };
    }, model);
    host.stallAfter = Number.POSITIVE_INFINITY;
    expect(await removing).toMatchObject({ removed: true, info: { bytes: 0 } });
    await site.opened.page.evaluate(async () => {
      const { embedder } = globalThis as unknown as { embedder: Promise<{ destroy(): void }> };
      (await embedder).destroy();
    });
  });
});
