import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { LanguageModel, ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { SMOL } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { type ClaimedTensor, gguf } from "./harness/gguf.js";
import { tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import type { Reply } from "./harness/replies.js";
import { withAtMost } from "./harness/scarce-memory.js";
import { NOT_ISOLATED } from "./harness/server.js";
import { expectUsable } from "./harness/usable.js";
import { useChromium } from "./harness/use-chromium.js";

const ADDRESSABLE = 2 ** 32 - 1;
const GIGABYTE = 1e9;
const URL_PATH = "/models/huge.gguf";
const [F32, Q2_K] = [0, 10];
/** 256 weights of type Q2_K. */
const Q2_K_BYTES = 84;

/** Rows of 1024 weights of each of a hundred tensors. Eight are packed together. */
const rowsOf = (weights: number) => 8 * Math.round(weights / 100 / 1024 / 8);

/** The beginning of a file of a hundred tensors of one type, with so many weights in all. */
const beginning = (type: number, weights: number) => {
  const rows = BigInt(rowsOf(weights));
  const tensors = Array.from(
    { length: 100 },
    (_, i): ClaimedTensor => ({ name: `t${i}`, type, dimensions: [1024n, rows] }),
  );
  return gguf({ metadata: { "general.architecture": "llama" }, tensors });
};

/** A manifest of one file of this length, which is nowhere. */
const manifestOf = (bytes: number): ModelManifest => ({
  id: "huge",
  files: [{ path: "model.gguf", bytes, sha256: "0".repeat(64) }],
});

/** Sends what it is asked for of a file that has zeros after its beginning, and counts. */
class HugeFile {
  sent = 0;
  readonly #start: Buffer;
  /** Of the file; unknown, it is sent for ever, and in one answer. */
  readonly #total: number | undefined;

  constructor(start: Buffer, total: number | undefined) {
    this.#start = start;
    this.#total = total;
  }

  readonly reply: Reply = (response) => {
    const [, from = "0", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(response.req.headers.range ?? "") ?? [];
    const headers = { "Content-Type": "application/octet-stream", ETag: '"huge"' };
    if (this.#total === undefined) {
      response.writeHead(200, headers);
      return this.#send(response, 0, Number.POSITIVE_INFINITY);
    }
    const end = to === "" ? this.#total : Number(to) + 1;
    const range = `bytes ${from}-${end - 1}/${this.#total}`;
    response.writeHead(206, { ...headers, "Content-Range": range, "Content-Length": end - Number(from) });
    this.#send(response, Number(from), end);
  };

  #send(response: ServerResponse, from: number, to: number): void {
    if (response.destroyed) return;
    if (from >= to) return void response.end();
    const bytes = Math.min(65_536, to - from);
    const chunk = Buffer.alloc(bytes);
    this.#start.copy(chunk, 0, Math.min(from, this.#start.length));
    this.sent += bytes;
    response.write(chunk, () => setImmediate(() => this.#send(response, from + bytes, to)));
  }
}

describe.skipIf(!hasChromium)("a model that is too large for memory", () => {
  const site = useChromium({ fresh: true });

  beforeEach(() => site.server.setPrelude());

  /** The page goes on, and nothing was left uncaught. */
  async function expectGoingOn() {
    await expectUsable(site.opened, hostModel(site.server, tinyFolder()), tinyBert());
    expect(site.opened.errors).toEqual([]);
  }

  /** It is refused, with what is needed of what is there. */
  function tooLarge(needed: number) {
    return {
      ok: false,
      code: "out-of-memory",
      detail: `${needed}/${ADDRESSABLE}`,
      message: expect.stringContaining(`needs ${Math.ceil(needed / 1e6)} MB of memory, and 4294 MB`),
    };
  }

  const chatWith = (model: string | ModelManifest) =>
    site.opened.page.evaluate(
      (model) => outcomeOf(inglenook.LanguageModel.create({ model, device: "cpu" })),
      model,
    );

  it("is refused by its manifest, without a request", async () => {
    const before = site.server.requests.length;
    const found = await site.opened.page.evaluate(
      async ([huge, fitting]) => {
        const { Embedder, LanguageModel } = inglenook;
        const part = new Blob([new Uint8Array(2 ** 20)]);
        const file = new File(Array(5000).fill(part), "huge.gguf");
        return {
          refused: [
            await outcomeOf(Embedder.create({ model: huge })),
            await outcomeOf(LanguageModel.create({ model: huge })),
          ],
          ofFile: await outcomeOf(LanguageModel.create({ model: file })),
          bytes: file.size,
          unavailable: [
            await Embedder.availability({ model: huge }),
            await LanguageModel.availability({ model: huge }),
            await LanguageModel.availability({ model: file }),
          ],
          downloadable: [
            await Embedder.availability({ model: fitting }),
            await LanguageModel.availability({ model: fitting }),
          ],
        };
      },
      [manifestOf(6 * GIGABYTE), manifestOf(ADDRESSABLE)] as const,
    );
    for (const outcome of found.refused) expect(outcome).toMatchObject(tooLarge(6 * GIGABYTE));
    expect(found.ofFile).toMatchObject(tooLarge(found.bytes));
    expect(found.unavailable).toEqual(["unavailable", "unavailable", "unavailable"]);
    expect(found.downloadable).toEqual(["downloadable", "downloadable"]);
    const { paths } = site.server;
    expect(paths.slice(before).filter((path) => /worker|wasm|huge/.test(path))).toEqual([]);
  });

  it("is refused by the length that its host tells, before its first byte is used", async () => {
    const host = new HugeFile(beginning(F32, 1.25e9), 5 * GIGABYTE);
    site.server.answer(URL_PATH, host.reply);
    expect(await chatWith(URL_PATH)).toMatchObject(tooLarge(5 * GIGABYTE));
    expect(await workersLeft(site.opened.page)).toBe(0);
    expect(host.sent).toBeLessThanOrEqual(8 << 20);
    await expectGoingOn();
  });

  it("is refused by its header where the host tells no length", async () => {
    const weights = 1.25e9;
    const host = new HugeFile(beginning(F32, weights), undefined);
    site.server.answer(URL_PATH, host.reply);
    expect(await chatWith(URL_PATH)).toMatchObject(tooLarge(rowsOf(weights) * 100 * 1024 * 4));
    // The rest is what was under way.
    expect(host.sent).toBeLessThan(32 << 20);
    await expectGoingOn();
  });

  it("is refused by its header where the file would fit, and what is made of it would not", async () => {
    const weights = rowsOf(11e9) * 100 * 1024;
    const total = (weights / 256) * Q2_K_BYTES;
    const host = new HugeFile(beginning(Q2_K, weights), total);
    site.server.answer(URL_PATH, host.reply);
    const outcome = await chatWith(URL_PATH);
    expect(outcome).toMatchObject({ ok: false, code: "out-of-memory" });
    const [needed = 0, available] = (outcome.detail ?? "").split("/").map(Number);
    expect(total).toBeLessThan(ADDRESSABLE);
    // Two bits for each weight, two scales, and sixteen groups with two bytes each.
    expect(needed).toBe((weights / 256) * (64 + 8 + 32));
    expect(needed).toBeGreaterThan(ADDRESSABLE);
    expect(available).toBe(ADDRESSABLE);
    expect(host.sent).toBeLessThan(64 << 20);
    await expectGoingOn();
  });

  describe("where the browser gives less", () => {
    const BUILD = "/dist/inglenook_cpu_relaxed.wasm";
    const wasm = readFileSync(join(ROOT, "web", BUILD));

    /** From now on the build has so many megabytes of memory. */
    function allow(megabytes: number) {
      site.server.setPrelude(NOT_ISOLATED);
      const scarce = withAtMost(megabytes * 16, wasm);
      site.server.answer(BUILD, (response) =>
        response
          .writeHead(200, { "Content-Type": "application/wasm", "Cache-Control": "no-store" })
          .end(scarce),
      );
    }

    it("is refused before it is fetched, with what there was", async () => {
      allow(60);
      const before = site.server.requests.length;
      const outcome = await site.opened.page.evaluate(() =>
        outcomeOf(inglenook.Embedder.create({ model: "all-minilm-l6-v2", device: "cpu" })),
      );
      expect(outcome).toMatchObject({ ok: false, code: "out-of-memory" });
      const [needed, available] = (outcome.detail ?? "").split("/").map(Number);
      expect(needed).toBeGreaterThan(90e6);
      expect(available).toBeGreaterThan(40e6);
      expect(available).toBeLessThanOrEqual(60 << 20);
      expect(site.server.paths.slice(before).filter((path) => path.endsWith(".safetensors"))).toEqual([]);
      await expectGoingOn();
    });

    it("an index is full, and goes on with what it has", async () => {
      allow(40);
      const found = await site.opened.page.evaluate(async () => {
        const index = await inglenook.VectorIndex.create({ dimensions: 256 });
        const vectors = Array.from({ length: 1000 }, (_, i) => new Float32Array(256).fill(i));
        let outcome = { ok: true } as Awaited<ReturnType<typeof outcomeOf>>;
        while (outcome.ok) outcome = await outcomeOf(index.add(vectors));
        const { size } = index;
        const [best] = await index.search(new Float32Array(256).fill(1), { k: 1 });
        index.destroy();
        return { outcome, size, best };
      });
      expect(found.outcome).toMatchObject({ ok: false, code: "out-of-memory" });
      expect(found.size).toBeGreaterThan(10_000);
      expect(found.best?.score).toBe(999 * 256);
      await expectGoingOn();
    });

    it("an embedding that takes too much ends its worker", async () => {
      allow(24);
      const outcomes = await site.opened.page.evaluate(
        async ([model, texts]) => {
          const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
          const outcomes = [await outcomeOf(embedder.embed(texts))];
          outcomes.push(await outcomeOf(embedder.embed(texts)));
          embedder.destroy();
          return outcomes;
        },
        [
          hostModel(site.server, tinyFolder()),
          Array<string>(256).fill("the sea is wide and the sky is blue ".repeat(4000)),
        ] as const,
      );
      for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, code: "internal" });
      await expectGoingOn();
    });

    it("a long prompt fails, and the session goes on as it was", async () => {
      allow(150);
      const found = await site.opened.page.evaluate(async (model) => {
        const options = { model, device: "cpu", temperature: 0, maxTokens: 4, contextWindow: 2048 } as const;
        const session: LanguageModel = await inglenook.LanguageModel.create(options);
        const first = await session.prompt("Hello");
        const usage = session.contextUsage;
        const outcome = await outcomeOf(session.prompt("The sea is wide and the sky is blue. ".repeat(190)));
        const after = session.contextUsage;
        const second = await session.prompt("Hello again");
        session.destroy();
        return { first, usage, outcome, after, second };
      }, SMOL);
      expect(found.outcome).toMatchObject({ ok: false, code: "out-of-memory", name: "UnknownError" });
      expect(found.after).toBe(found.usage);
      expect(found.second).not.toBe("");
      await expectGoingOn();
    });
  });
});
