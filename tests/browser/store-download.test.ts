import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import type { Embedder, ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { hasChromium } from "./harness/chromium.js";
import { FileHost } from "./harness/file-host.js";
import { lowestCosine, miniLm, pick } from "./harness/goldens.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { status, whole } from "./harness/replies.js";
import { FAST_TIMERS } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

const PATH = "model.gguf";
const PIECE = 2 ** 18;
const FILE = readFileSync(join(ROOT, "models/weights/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf"));
const GOLDEN = pick(miniLm(), [0, 18]);
const HALF = Math.floor(FILE.length / 2);

/** In the page: makes an embedder, uses it, and tells what it cost. */
async function use({ model, texts }: { model: ModelManifest; texts: string[] }) {
  const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
  const vectors = [...(await embedder.embed(texts))];
  const { bytesFetched } = embedder;
  embedder.destroy();
  return { vectors, bytesFetched };
}

/** In the page: starts to load a model. */
async function begin(model: ModelManifest) {
  inglenook.Embedder.create({ model, device: "cpu" }).catch(() => {});
}

describe.skipIf(!hasChromium)("the download of a model", () => {
  const site = useChromium({ fresh: true });
  let host: FileHost;
  let model: ModelManifest;

  beforeEach(() => {
    host = new FileHost(FILE);
    model = hostModel(site.server, { [PATH]: FILE }, { [PATH]: host.reply });
    site.server.setPrelude();
  });

  const load = () => site.opened.page.evaluate(use, { model, texts: GOLDEN.texts });
  const refused = () =>
    site.opened.page.evaluate(
      (model) => outcomeOf(inglenook.Embedder.create({ model, device: "cpu" })),
      model,
    );
  const stored = () => site.opened.page.evaluate((model) => inglenook.models.info(model), model);

  async function expectLoads() {
    const { vectors, bytesFetched } = await load();
    expect(lowestCosine(vectors, GOLDEN.vectors)).toBeGreaterThanOrEqual(0.999);
    expect(site.opened.errors).toEqual([]);
    return bytesFetched;
  }

  /** Loads half of the file, and leaves it at that. */
  async function beginHalf() {
    host.stallAfter = HALF;
    await site.opened.page.evaluate(begin, model);
    await expect.poll(() => host.sent, { timeout: 60_000 }).toBeGreaterThanOrEqual(HALF);
    await expect
      .poll(async () => (await stored()).bytes, { timeout: 60_000 })
      .toBeGreaterThan(FILE.length / 4);
  }

  /** Loads half of the file, closes the page, and opens another one. */
  async function closeAtHalf() {
    await beginHalf();
    const page = await site.opened.context.newPage();
    await page.goto(site.server.url);
    await site.opened.page.close();
    await page.waitForFunction(() => "inglenook" in globalThis);
    host.stallAfter = Number.POSITIVE_INFINITY;
    host.asked.length = 0;
    site.opened.page = page;
  }

  it("comes in several parts at the same time, each byte once, and is kept", async () => {
    expect(await expectLoads()).toBe(FILE.length);
    expect(host.sent).toBe(FILE.length);
    expect(host.asked.length).toBe(Math.ceil(FILE.length / (32 * PIECE)));
    expect(host.asked.every(({ range }) => range !== undefined)).toBe(true);
    expect(host.asked.at(-1)?.ifRange).toBe('"one"');
    expect(await expectLoads()).toBe(0);
    expect(await stored()).toMatchObject({ bytes: FILE.length, bytesTotal: FILE.length, complete: true });
  });

  it("goes on where it was when its page was closed", async () => {
    await closeAtHalf();
    const { bytes, complete } = await stored();
    expect(complete).toBe(false);
    expect(bytes).toBeGreaterThan(FILE.length / 4);
    const fetched = await expectLoads();
    expect(fetched).toBe(FILE.length - bytes);
    expect(host.asked.every(({ ifRange }) => ifRange === '"one"')).toBe(true);
    expect(await stored()).toMatchObject({ complete: true });
  });

  it("goes on by itself where connections are cut", async () => {
    host.cutAfter = 5_000_000;
    const fetched = await expectLoads();
    const cuts = host.asked.length;
    expect(cuts).toBeGreaterThan(3);
    // What had come of a piece is lost with its connection.
    expect(fetched).toBeLessThan(FILE.length + cuts * PIECE);
  });

  it("goes on by itself where connections fall silent and stay open", async () => {
    site.server.setPrelude(FAST_TIMERS);
    host.silentAfter = 5_000_000;
    host.instead = [() => {}];
    const fetched = await expectLoads();
    expect(host.asked.length).toBeGreaterThan(4);
    expect(fetched).toBeLessThan(FILE.length + host.asked.length * PIECE);
  });

  it("ends with an error when the host does not say a word", async () => {
    site.server.setPrelude(FAST_TIMERS);
    host.instead = Array(20).fill(() => {});
    expect(await refused()).toMatchObject({ ok: false, code: "network" });
    host.instead = [];
    host.silentAfter = PIECE / 4;
    expect(await refused()).toMatchObject({ ok: false, code: "incomplete-download" });
  });

  it("goes on after the host was busy, and not before it wants to be asked", async () => {
    const busy = (response: Parameters<typeof host.reply>[0]) =>
      void response.writeHead(503, { "Retry-After": "2" }).end();
    host.instead = [busy, status(500)];
    const start = performance.now();
    expect(await expectLoads()).toBe(FILE.length);
    expect(performance.now() - start).toBeGreaterThanOrEqual(2000);
  });

  it("comes whole from a host without ranges, from the beginning after its page was closed", async () => {
    host.ranges = "ignored";
    await closeAtHalf();
    expect(await expectLoads()).toBe(FILE.length);
    expect(host.asked.length).toBe(1);
    expect(await stored()).toMatchObject({ complete: true });
  });

  it.each(["refused", "compressed", "shifted"] as const)(
    "comes whole where ranges are %s",
    async (ranges) => {
      host.ranges = ranges;
      expect(await expectLoads()).toBe(FILE.length);
      expect(host.asked.at(-1)?.range).toBeUndefined();
      expect(await stored()).toMatchObject({ complete: true });
    },
  );

  it.each(["refused", "compressed", "shifted"] as const)(
    "begins anew where ranges are %s when it is taken up again",
    async (ranges) => {
      await closeAtHalf();
      host.ranges = ranges;
      expect(await expectLoads()).toBe(FILE.length);
      expect(await stored()).toMatchObject({ complete: true });
    },
  );

  it("takes weights that are compressed on the way", async () => {
    const zipped = gzipSync(FILE, { level: 1 });
    host.instead = [
      (response) =>
        void response
          .writeHead(200, { "Content-Encoding": "gzip", "Content-Length": zipped.length })
          .end(zipped),
    ];
    expect(await expectLoads()).toBe(FILE.length);
  });

  it("refuses a file of another length at once, and keeps nothing", async () => {
    host.ranges = "of another length";
    expect(await refused()).toMatchObject({ ok: false, code: "size-mismatch" });
    host.instead = [whole(Buffer.concat([FILE, FILE]))];
    host.sent = 0;
    expect(await refused()).toMatchObject({ ok: false, code: "size-mismatch" });
    expect(await stored()).toMatchObject({ bytes: 0 });
    host.ranges = "good";
    expect(await expectLoads()).toBe(FILE.length);
  });

  it("begins anew when the file was replaced by one that is the same", async () => {
    await closeAtHalf();
    host.etag = '"two"';
    expect(await expectLoads()).toBe(FILE.length);
  });

  it("begins anew when what was kept turns out to be of another file, of which the host did not tell", async () => {
    host.etag = undefined;
    host.bytes = Buffer.from(FILE).fill(7, 0, HALF);
    await closeAtHalf();
    host.bytes = FILE;
    expect(await expectLoads()).toBeGreaterThan(FILE.length);
    expect(await stored()).toMatchObject({ complete: true });
  });

  it("refuses a file that was replaced by another one between two parts, and keeps nothing", async () => {
    host.stallAfter = HALF;
    const loading = refused();
    await expect.poll(() => host.sent, { timeout: 30_000 }).toBeGreaterThanOrEqual(HALF);
    host.bytes = Buffer.from(FILE).fill(7, HALF);
    host.etag = '"two"';
    host.stallAfter = Number.POSITIVE_INFINITY;
    host.cutAfter = PIECE;
    await expect.poll(() => host.asked.length, { timeout: 30_000 }).toBeGreaterThan(4);
    host.cutAfter = Number.POSITIVE_INFINITY;
    expect(await loading).toMatchObject({ ok: false, code: "hash-mismatch" });
    expect(await stored()).toMatchObject({ bytes: 0 });
  });

  it("ends with an error when the host stays away, and goes on from there later", async () => {
    host.stallAfter = HALF;
    const loading = refused();
    await expect.poll(() => host.sent, { timeout: 30_000 }).toBeGreaterThanOrEqual(HALF);
    host.cutAfter = 0;
    host.stallAfter = Number.POSITIVE_INFINITY;
    expect(await loading).toMatchObject({ ok: false, code: "network" });
    const { bytes } = await stored();
    expect(bytes).toBeGreaterThan(FILE.length / 4);
    host.cutAfter = Number.POSITIVE_INFINITY;
    expect(await expectLoads()).toBe(FILE.length - bytes);
  });

  it("is shared by two tabs, both of which see how far it is", async () => {
    await beginHalf();
    const other = await site.opened.context.newPage();
    await other.goto(site.server.url);
    await other.waitForFunction(() => "inglenook" in globalThis);
    await other.evaluate(async (model) => {
      const monitor = (monitor: EventTarget) =>
        monitor.addEventListener("downloadprogress", (event) => Object.assign(globalThis, { event }));
      Object.assign(globalThis, { creating: inglenook.Embedder.create({ model, device: "cpu", monitor }) });
    }, model);
    // Longer than it waits for a file that is held by a worker which has just ended.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    host.stallAfter = host.sent + PIECE;
    await expect
      .poll(() => other.evaluate(() => (globalThis as unknown as { event: { loaded: number } }).event.loaded))
      .toBeGreaterThan(0.25);
    expect(host.sent).toBeLessThan(FILE.length);
    host.stallAfter = Number.POSITIVE_INFINITY;
    const [vectors, bytesFetched] = await other.evaluate(async (texts) => {
      const { creating } = globalThis as unknown as { creating: Promise<Embedder> };
      const embedder = await creating;
      return [[...(await embedder.embed(texts))], embedder.bytesFetched] as const;
    }, GOLDEN.texts);
    expect(lowestCosine(vectors, GOLDEN.vectors)).toBeGreaterThanOrEqual(0.999);
    expect(bytesFetched).toBe(0);
    expect(host.sent).toBe(FILE.length);
  });

  it("is gone on with by the other tab when the one that began it is closed", async () => {
    await beginHalf();
    const other = await site.opened.context.newPage();
    await other.goto(site.server.url);
    await other.waitForFunction(() => "inglenook" in globalThis);
    const loading = other.evaluate(use, { model, texts: GOLDEN.texts });
    await site.opened.page.close();
    host.stallAfter = Number.POSITIVE_INFINITY;
    const { vectors, bytesFetched } = await loading;
    expect(lowestCosine(vectors, GOLDEN.vectors)).toBeGreaterThanOrEqual(0.999);
    expect(bytesFetched).toBeLessThan(FILE.length);
  });

  it("tells how fast it comes and how long it will take", async () => {
    const seen = await site.opened.page.evaluate(async (model) => {
      const seen: { rate: number | undefined; left: number | undefined; bytes: number }[] = [];
      const monitor = (monitor: EventTarget) =>
        monitor.addEventListener("downloadprogress", (event) => {
          const { bytesPerSecond, secondsRemaining, bytesLoaded } = event as unknown as {
            bytesPerSecond: number | undefined;
            secondsRemaining: number | undefined;
            bytesLoaded: number;
          };
          seen.push({ rate: bytesPerSecond, left: secondsRemaining, bytes: bytesLoaded });
        });
      (await inglenook.Embedder.create({ model, device: "cpu", monitor })).destroy();
      return seen;
    }, model);
    expect(seen[0]?.rate).toBeUndefined();
    for (const { rate, left, bytes } of seen) {
      if (rate === undefined) expect(left).toBeUndefined();
      else expect(left).toBeCloseTo((FILE.length - bytes) / rate, 6);
    }
  });
});
