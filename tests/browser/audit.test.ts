/** A session of every task, all of whose traffic goes through a proxy: docs/requests.md tells what is to be seen there. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { tinyLlama } from "./harness/chats.js";
import { Chromium, hasChromium } from "./harness/chromium.js";
import { NO_RELAXED_SIMD } from "./harness/faults.js";
import { hostModel, tinyFolder, tinyGguf } from "./harness/models.js";
import "./harness/page.js";
import { RecordingProxy } from "./harness/recording-proxy.js";
import { whole } from "./harness/replies.js";
import { NOT_ISOLATED, TestServer } from "./harness/server.js";

const SECRET = "The spare key hangs behind the blue watering can.";
const MINI_LM = "/models/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf";
const TINY_CHAT = join(ROOT, "tests/golden/tiny-llama/model-q8_0.gguf");

/** The files of the package that docs/requests.md names, as patterns in which `*` is any text. */
const DOCUMENTED = [
  ...readFileSync(join(ROOT, "docs/requests.md"), "utf8").matchAll(/^\| ([^|]+) \|/gm),
].flatMap(([, what = ""]) => [...what.matchAll(/`([^`<]+\.(?:js|wasm))`/g)].map(([, name = ""]) => name));

const fits = (pattern: string, name: string) => {
  const [start = "", end] = pattern.split("*");
  return end === undefined ? name === pattern : name.startsWith(start) && name.endsWith(end);
};

/** What a browser says of itself and of the kind of request, and of which nothing depends on what people do. */
const PLAIN = new Set([
  ...["accept", "accept-encoding", "accept-language", "cache-control", "connection", "host", "origin"],
  ...["pragma", "proxy-connection", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-fetch-dest"],
  ...["sec-fetch-mode", "sec-fetch-site", "sec-fetch-storage-access", "sec-fetch-user"],
  ...["upgrade-insecure-requests", "user-agent"],
]);

/** What else may go along, and in which form: which bytes of a file are wanted, and of which version. */
const ALLOWED = new Map([
  ["range", /^bytes=\d+-\d*$/],
  ["if-range", /^"[\w-]+"$/],
  ["if-none-match", /^"[\w-]+"$/],
  // Chromium looks for another service worker in the name of the one that is there.
  ["referer", /^http:\/\/127\.0\.0\.1:\d+\/sw\.js$/],
  ["service-worker", /^script$/],
]);

/** Whom Chromium itself asks, for updates and while forms are filled in, whatever page is open. */
const CHROMIUMS_OWN = /\.(google|googleapis|gvt1)\.com$/;

describe.skipIf(!hasChromium)("an audit of all traffic", () => {
  let proxy: RecordingProxy;
  let chromium: Chromium;
  let server: TestServer;
  let site: TestServer;
  /** What pages and their workers asked for, as the browser tells it. */
  const asked: string[] = [];

  beforeAll(async () => {
    proxy = await RecordingProxy.start();
    chromium = await Chromium.launch({ gpu: true, proxy: proxy.url });
    server = await TestServer.start();
    site = await TestServer.start({ root: join(ROOT, "dist") });
  });

  afterAll(async () => {
    await chromium?.close();
    proxy?.stop();
    await server?.stop();
    await site?.stop();
  });

  const open = (at: TestServer) =>
    chromium.open(
      at,
      "",
      (context) => context.on("request", (request) => asked.push(request.url())),
      "allow",
    );

  const ours = () => proxy.passed.filter(({ url }) => !CHROMIUMS_OWN.test(url.host));
  const pathsAt = ({ url: address }: TestServer) =>
    proxy.passed.filter(({ url }) => `${url.origin}/` === address).map(({ url }) => url.pathname);

  /** Nothing but files were asked for, and nothing was told. */
  function expectNothingTold() {
    const servers = [server.url, site.url].map((url) => new URL(url).host);
    const hosts = [
      ...proxy.passed.map(({ url }) => url.host),
      ...proxy.tunnels.map((to) => to.replace(/:443$/, "")),
    ];
    expect(hosts.filter((host) => !servers.includes(host) && !CHROMIUMS_OWN.test(host))).toEqual([]);
    expect(asked.filter((url) => !servers.includes(new URL(url).host) && !url.startsWith("data:"))).toEqual(
      [],
    );
    for (const { method, url, bytes, headers } of ours()) {
      expect({ method, query: url.search, bytes }).toEqual({ method: "GET", query: "", bytes: 0 });
      for (const [name, value] of headers) {
        if (!PLAIN.has(name)) expect(`${name}: ${ALLOWED.get(name)?.test(value)}`).toBe(`${name}: true`);
      }
    }
  }

  it("of the package finds the requests that the documentation names, and no others", async () => {
    const models = {
      folder: hostModel(server, tinyFolder()),
      file: hostModel(server, tinyGguf()),
      chat: hostModel(server, { "model.gguf": tinyLlama("model-q8_0.gguf") }),
    };
    server.answer("/own.gguf", whole(tinyLlama("model-q4_1.gguf")));
    const signature = `/models/${models.folder.id}/model.sig`;
    server.answer(signature, whole(readFileSync(join(ROOT, "tests/golden/signatures/p256.sig"))));
    const publicKey = readFileSync(join(ROOT, "tests/golden/signatures/p256.pem"), "utf8");
    const { page, context, errors } = await open(server);
    expect(await page.evaluate(everything, { models, publicKey, secret: SECRET })).toEqual({
      embedded: [1, 1, 1],
      found: 0,
      answers: 4,
      kept: 0,
    });
    // The other builds: of a page that is not isolated, and of a browser without relaxed SIMD.
    for (const prelude of [NOT_ISOLATED, NO_RELAXED_SIMD]) {
      server.setPrelude(prelude);
      await page.evaluate(async (model) => {
        (await inglenook.Embedder.create({ model, device: "cpu" })).destroy();
      }, models.file);
    }
    await context.close();
    expect(errors).toEqual([]);
    expectNothingTold();
    const names = pathsAt(server)
      .filter((path) => path.startsWith("/dist/"))
      .map((path) => basename(path));
    expect(names.filter((name) => !DOCUMENTED.some((pattern) => fits(pattern, name)))).toEqual([]);
    expect(DOCUMENTED.filter((pattern) => !names.some((name) => fits(pattern, name)))).toEqual([]);
    const others = new Set(pathsAt(server).filter((path) => !path.startsWith("/dist/")));
    const wanted = Object.values(models).flatMap(({ id, files }) =>
      files.map(({ path }) => `/models/${id}/${path}`),
    );
    expect([...others].sort()).toEqual(["/", "/own.gguf", "/page.js", signature, ...wanted].sort());
  });

  it("of the site finds its own files and its models, and nothing of what people do", async () => {
    const { page, context, errors } = await open(site);
    const note = { name: `${SECRET}.txt`, mimeType: "text/plain", buffer: Buffer.from(SECRET) };
    await page.setInputFiles("#file-input", note);
    await page.waitForSelector('body[data-model="ready"][data-indexer="idle"]', { timeout: 60_000 });
    await page.fill("#query", "where is the key");
    const best = page.locator("#results > li").first();
    await expect.poll(() => best.textContent(), { timeout: 60_000 }).toContain("watering can");
    await page.goto(`${site.url}chat.html`);
    await page.setInputFiles("#model-input", TINY_CHAT);
    await page.waitForSelector('body[data-model="ready"]', { timeout: 60_000 });
    await page.fill("#prompt", SECRET);
    await page.press("#prompt", "Enter");
    await page.waitForSelector("#log > li:nth-child(2):not([data-writing])", { timeout: 60_000 });
    await context.close();
    expect(errors).toEqual([]);
    expectNothingTold();
    const root = join(ROOT, "dist");
    const own = (path: string) => existsSync(join(root, path)) || path === MINI_LM;
    expect(pathsAt(site).filter((path) => !own(path))).toEqual([]);
    expect(pathsAt(site)).toContain("/sw.js");
  });

  it("would have noticed", async () => {
    const lax = await TestServer.start({ policy: "default-src * 'unsafe-inline'" });
    const { page, context } = await open(lax);
    const before = proxy.passed.length;
    await page.evaluate(async (secret) => {
      await fetch(`/dist/index.js?${encodeURIComponent(secret)}`, { method: "POST", body: secret });
      await fetch("/dist/index.js", { headers: { "X-Told": "yes" } });
      await fetch("https://elsewhere.example/").catch(() => {});
    }, SECRET);
    const seen = proxy.passed.slice(before).map(({ method, url, bytes, headers }) => ({
      method,
      query: decodeURIComponent(url.search),
      bytes,
      told: headers.some(([name]) => name === "x-told"),
    }));
    await context.close();
    await lax.stop();
    expect(seen).toContainEqual({ method: "POST", query: `?${SECRET}`, bytes: SECRET.length, told: false });
    expect(seen).toContainEqual({ method: "GET", query: "", bytes: 0, told: true });
    expect(proxy.tunnels).toContain("elsewhere.example:443");
    expect(asked).toContain("https://elsewhere.example/");
  });
});

/** In the page: every task of the package, on the CPU and on a GPU; how much of each was done. */
async function everything({
  models,
  publicKey,
  secret,
}: {
  models: Record<"folder" | "file" | "chat", ModelManifest>;
  publicKey: string;
  secret: string;
}) {
  const { Embedder, LanguageModel, VectorIndex, models: store, offline } = inglenook;
  for (const model of [models.file, "all-minilm-l6-v2"]) await Embedder.availability({ model });
  const embedded = [];
  let found: number | undefined;
  for (const options of [
    { model: models.folder, device: "webgpu", publicKey },
    { model: models.file, device: "cpu" },
    { model: models.file, device: "cpu", dtype: "q8" },
  ] as const) {
    const embedder = await Embedder.create(options);
    const vectors = await embedder.embed([secret]);
    embedded.push(vectors.length);
    const index = await VectorIndex.create({ dimensions: embedder.dimensions });
    await index.add(vectors);
    found = (await index.search(vectors[0] as Float32Array, { k: 1 }))[0]?.index;
    index.destroy();
    embedder.destroy();
  }
  let answers = 0;
  for (const model of [models.chat, new URL("/own.gguf", location.href)]) {
    for (const device of ["cpu", "webgpu"] as const) {
      const session = await LanguageModel.create({ model, device, maxTokens: 4 });
      await session.append([{ role: "user", content: secret }]);
      const clone = await session.clone();
      for await (const _ of clone.promptStreaming(secret));
      await session.measureContextUsage(secret);
      answers += clone.metrics ? 1 : 0;
      clone.destroy();
      session.destroy();
    }
  }
  for (const { model } of await store.list()) await store.remove(model);
  await store.persist();
  await store.estimate();
  await offline.unregister();
  return { embedded, found, answers, kept: (await store.list()).length };
}
