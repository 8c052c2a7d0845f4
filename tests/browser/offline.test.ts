import { readFileSync, renameSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { OfflineSite, OfflineUpdate } from "../../web/src/index.js";
import { BuiltSite, PLAIN } from "./harness/built-site.js";
import { Chromium, hasChromium, type OpenPage } from "./harness/chromium.js";
import "./harness/page.js";
import { status } from "./harness/replies.js";
import { TestServer } from "./harness/server.js";

// What a visit leaves in the page.
declare global {
  var offlineSite: OfflineSite;
  var updates: OfflineUpdate[];
}

const simple = (text: string) => `<!doctype html><link rel="icon" href="data:,"><body>${text}`;

describe.skipIf(!hasChromium)("a site with its service worker", () => {
  let chromium: Chromium;
  let site: BuiltSite;
  let server: TestServer;
  let opened: OpenPage;
  let page: Page;
  /** Of the site, also when the server has been stopped. */
  let url: string;

  beforeAll(async () => {
    chromium = await Chromium.launch();
  });
  afterAll(() => chromium?.close());

  beforeEach(async () => {
    site = new BuiltSite();
    site.write("../elsewhere/index.html", simple("elsewhere"));
    server = await TestServer.start({ root: site.root, headers: PLAIN });
    opened = await chromium.open(server, site.path, undefined, "allow");
    page = opened.page;
    url = server.url + site.path;
  });
  afterEach(async () => {
    expect(opened.errors).toEqual([]);
    await opened.context.close();
    await server.stop();
    site.remove();
  });

  const register = (tab = page, url = "sw.js") =>
    tab.evaluate(async (url) => {
      globalThis.updates = [];
      const onupdate = (update: OfflineUpdate) => globalThis.updates.push(update);
      globalThis.offlineSite = await inglenook.offline.register(url, { onupdate });
    }, url);
  const refusal = (url: string) => page.evaluate((url) => outcomeOf(inglenook.offline.register(url)), url);
  /** Loads the page once more; its text. */
  const again = async (path = "") => {
    await page.goto(url + path);
    return (await page.textContent("body"))?.trim();
  };
  /** Has the browser look for a new version, as it does at every visit; whether one is announced. */
  const update = async (tab = page) => {
    await tab.evaluate(async () => (await navigator.serviceWorker.ready).update());
    await expect
      .poll(() => tab.evaluate(async () => (await navigator.serviceWorker.ready).installing))
      .toBe(null);
  };
  const announced = (tab = page) => tab.evaluate(() => globalThis.updates.length);
  const apply = (tab = page) => tab.evaluate(() => globalThis.updates.at(-1)?.apply());
  const setText = (text: string) =>
    site.write(
      "index.html",
      readFileSync(site.file("index.html"), "utf8").replace(/<body>.*</, `<body>${text}<`),
    );
  const kept = () =>
    page.evaluate(async () => {
      const names = await caches.keys();
      const keys = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
      return keys.flat().map(({ url }) => new URL(url).pathname);
    });
  const useModel = () =>
    page.evaluate(async (model) => {
      const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
      await embedder.embed(["a text"]);
      embedder.destroy();
    }, site.model);

  it("keeps what a page may need, and of the builds the one that was used", async () => {
    await register();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    const first = await kept();
    for (const name of ["index.html", "page.js", "inglenook/index.js", "inglenook/inglenook_gpu.js"]) {
      expect(first).toContain(`/site/${name}`);
    }
    const unwanted = /\.(wasm|map|gguf|d\.ts)$|\/(sw|cli)\.js$|\/(node|cdn)|provenance/;
    expect(first.filter((path) => unwanted.test(path))).toEqual([]);
    await again();
    await register();
    expect(await page.evaluate(() => offlineSite.isReady())).toBe(false);
    await useModel();
    const builds = (await kept()).filter((path) => path.endsWith(".wasm"));
    expect(builds).toEqual([server.paths.find((path) => path.endsWith(".wasm"))]);
    expect(await page.evaluate(() => offlineSite.isReady())).toBe(true);
    expect(server.violations).toEqual([]);
  });

  it("asks for its own files alone, and for none of them when it starts again", async () => {
    await register();
    await useModel();
    for (const { method, path, query } of server.requests) {
      expect({ method, query }).toEqual({ method: "GET", query: "" });
      expect(path.startsWith("/site/")).toBe(true);
    }
    const before = server.requests.length;
    await again();
    await register();
    await useModel();
    // The browser looks for a new version, and the page now uses the build with threads.
    const asked = server.paths.slice(before).filter((path) => path !== "/site/sw.js");
    expect(asked.filter((path) => !path.endsWith(".wasm"))).toEqual([]);
  });

  it("answers every address that the host has, and leaves the others to it", async () => {
    site.write("docs/index.html", simple("documents"));
    site.write("about us.html", simple("about"));
    site.build();
    await register();
    const asked = server.requests.length;
    const first = (await page.textContent("body"))?.trim();
    for (const path of ["", "index.html", "?device=cpu", "index.html?a#b"])
      expect(await again(path)).toBe(first);
    for (const path of ["docs/", "docs/index.html?x"]) expect(await again(path)).toBe("documents");
    for (const path of ["about%20us.html", "about us"]) expect(await again(path)).toBe("about");
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(server.paths.slice(asked).filter((path) => path !== "/site/sw.js")).toEqual([]);
    site.write("late.html", simple("late"));
    expect(await again("late.html")).toBe("late");
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    // The browser's own page for it, and no download.
    const tab = await opened.context.newPage();
    await expect(tab.goto(`${url}nowhere`)).rejects.toThrow("ERR_HTTP_RESPONSE_CODE_FAILURE");
    await tab.close();
    await page.goto(new URL("../elsewhere/", url).href);
    expect(await page.evaluate(() => navigator.serviceWorker.controller)).toBe(null);
    await again();
  });

  it("keeps what a host compresses, redirects, or sends with headers of its own", async () => {
    server.answer("/site/page.js", (response) => {
      const headers = { "Content-Type": "text/javascript", "Content-Encoding": "gzip", Vary: "*" };
      response.writeHead(200, headers).end(gzipSync(readFileSync(site.file("page.js"))));
    });
    server.answer("/site/index.html", (response) => response.writeHead(308, { Location: "/site/" }).end());
    server.answer("/site/", (response) => {
      const headers = { "Content-Type": "text/html", "Cross-Origin-Embedder-Policy": "credentialless" };
      response.writeHead(200, headers).end(readFileSync(site.file("index.html")));
    });
    await register();
    await server.stop();
    for (const path of ["", "index.html"]) {
      const answer = await page.goto(url + path);
      await page.waitForSelector("body[data-ready]", { state: "attached" });
      expect(answer?.headers()).toMatchObject({ "cross-origin-embedder-policy": "credentialless" });
    }
    await register();
  });

  it("does not touch parts, other methods, what is not to be kept, and models", async () => {
    await register();
    const asked = server.requests.length;
    const requests: [string, RequestInit][] = [
      ["page.js", { headers: { Range: "bytes=0-4" } }],
      ["page.js", { method: "POST", body: "x" }],
      ["page.js", { cache: "no-store" }],
      ["page.js?query", {}],
      [site.chatFile, {}],
    ];
    const answers = await page.evaluate(async (requests) => {
      const answers = requests.map(async ([path, options]) => {
        const response = await fetch(path, options);
        return [
          response.status,
          (await response.arrayBuffer()).byteLength,
          response.headers.has("cross-origin-embedder-policy"),
        ];
      });
      return Promise.all(answers);
    }, requests);
    const [script, model] = ["page.js", site.chatFile].map((path) => readFileSync(site.file(path)).length);
    expect(answers).toEqual([
      [206, 5, false],
      [405, 0, false],
      [200, script, false],
      [200, script, false],
      [200, model, false],
    ]);
    expect(server.requests.length).toBe(asked + requests.length);
    await page.evaluate(() => fetch("page.js", { cache: "reload" }));
    expect(server.requests.length).toBe(asked + requests.length);
  });

  it("answers, when the host cannot, for files with a query, and folders without their slash", async () => {
    site.write("docs/index.html", simple("documents"));
    site.build();
    await register();
    await again();
    const read = (path: string) => page.evaluate(async (path) => (await fetch(path)).text(), path);
    server.answer("/site/page.js", (response) => response.end("new"));
    expect(await read("page.js?query")).toBe("new");
    await server.stop();
    expect(await read("page.js?query")).toBe(readFileSync(site.file("page.js"), "utf8"));
    expect(await again("docs?query")).toBe("documents");
    expect(page.url()).toBe(`${url}docs/?query`);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await expect(again("nowhere")).rejects.toThrow("ERR_FAILED");
  });

  it("takes a page under its control that was loaded past it", async () => {
    await register();
    const session = await opened.context.newCDPSession(page);
    const loaded = page.waitForEvent("load");
    await session.send("Page.reload", { ignoreCache: true });
    await loaded;
    await page.waitForSelector("body[data-ready]", { state: "attached" });
    expect(await page.evaluate(() => navigator.serviceWorker.controller)).toBe(null);
    await register();
    expect(await page.evaluate(() => navigator.serviceWorker.controller?.state)).toBe("activated");
  });

  it("announces a new version, and goes on with the old one until it is told", async () => {
    await register();
    await again();
    await register();
    await page.evaluate(async (model) => {
      Object.assign(globalThis, { embedder: await inglenook.Embedder.create({ model, device: "cpu" }) });
    }, site.model);
    setText("new");
    site.build();
    await update();
    expect(await announced()).toBe(1);
    const old = await page.evaluate(async () => (await fetch("index.html")).text());
    expect(old).not.toContain("new");
    const { length } = await page.evaluate(async () => {
      const { embedder } = globalThis as unknown as {
        embedder: Awaited<ReturnType<typeof inglenook.Embedder.create>>;
      };
      return embedder.embed(["still here"]);
    });
    expect(length).toBe(1);
    // Not even by another load.
    expect(await again()).not.toBe("new");
    await register();
    expect(await announced()).toBe(1);
    const loaded = page.waitForEvent("load");
    void apply().catch(() => {});
    await loaded;
    expect((await page.textContent("body"))?.trim()).toBe("new");
    await register();
    expect(await announced()).toBe(0);
    await server.stop();
    await page.reload();
    expect((await page.textContent("body"))?.trim()).toBe("new");
  });

  it("refuses a new version while another tab shows the old one", async () => {
    await register();
    const other = await opened.context.newPage();
    await other.goto(url);
    setText("new");
    site.build();
    await update();
    expect(await apply()).toBe(false);
    expect(await other.evaluate(async () => (await fetch("index.html")).text())).not.toContain("new");
    // A page of the same host that is none of the site's is not in the way.
    await other.goto(new URL("../elsewhere/", url).href);
    const loaded = page.waitForEvent("load");
    void apply().catch(() => {});
    await loaded;
    expect((await page.textContent("body"))?.trim()).toBe("new");
  });

  it("takes no version of which the host has but a part, and stays with the old one", async () => {
    await register();
    const before = await kept();
    const old = readFileSync(site.file("page.js"), "utf8");
    setText("new");
    site.write("page.js", `${old}\n// new`);
    site.build();
    site.write("page.js", old);
    await update();
    expect(await announced()).toBe(0);
    await server.stop();
    expect(await again()).not.toBe("new");
    await register();
    expect(await announced()).toBe(0);
    expect(new Set(await kept())).toEqual(new Set(before));
  });

  it("takes along to a new version what a page has used of the old one", async () => {
    site.write("large.bin", Buffer.alloc(1 << 21, 1));
    site.build();
    await register();
    await again();
    await register();
    await useModel();
    await page.evaluate(() => fetch("large.bin"));
    await expect.poll(kept).toContain("/site/large.bin");
    const [build = ""] = (await kept()).filter((path) => path.endsWith(".wasm"));
    renameSync(site.file("inglenook"), site.file("package"));
    site.write("page.js", readFileSync(site.file("page.js"), "utf8").replace("./inglenook/", "./package/"));
    site.write("large.bin", Buffer.alloc(1 << 21, 2));
    site.build();
    await update();
    const loaded = page.waitForEvent("load");
    void apply().catch(() => {});
    await loaded;
    const now = await kept();
    expect(now).toContain(build.replace("inglenook/", "package/"));
    expect(now.filter((path) => path.startsWith("/site/inglenook/"))).toEqual([]);
    expect(now.filter((path) => path === "/site/large.bin")).toHaveLength(1);
    await server.stop();
    await again();
    await register();
    await useModel();
    expect(
      await page.evaluate(async () => new Uint8Array(await (await fetch("large.bin")).arrayBuffer())[7]),
    ).toBe(2);
  });

  it.each([
    ["deleted", undefined],
    ["damaged", "document.body.dataset.damaged = true;"],
  ])("asks the host for what was %s in the browser's storage, and keeps it again", async (_, content) => {
    await register();
    await useModel();
    expect(await page.evaluate(() => offlineSite.isReady())).toBe(true);
    const left = await page.evaluate(async (content) => {
      const [name = ""] = await caches.keys();
      const cache = await caches.open(name);
      const [key] = (await cache.keys()).filter(({ url }) => url.includes("/page.js"));
      if (!key) throw new Error("page.js is not kept");
      await cache.delete(key);
      if (content)
        await cache.put(key, new Response(content, { headers: { "Content-Type": "text/javascript" } }));
      return offlineSite.isReady();
    }, content);
    expect(left).toBe(content !== undefined);
    const asked = server.requests.length;
    const start = async () => {
      await again();
      await page.waitForSelector("body[data-ready]", { state: "attached" });
    };
    await start();
    expect(server.paths.slice(asked)).toContain("/site/page.js");
    await register();
    expect(await page.evaluate(() => document.body.hasAttribute("data-damaged"))).toBe(false);
    await expect.poll(kept).toContain("/site/page.js");
    await server.stop();
    await start();
  });

  it("keeps to its folder, where an origin has several sites", async () => {
    await register();
    await useModel();
    const { name } = await page.evaluate(async () => ({
      name: (await caches.keys()).find((name) => name.includes("offline")),
    }));
    expect(name).toBe(`inglenook-offline ${url}`);
    await page.evaluate(async () => (await caches.open("another")).put("/x", new Response("x")));
    expect(await page.evaluate(() => inglenook.offline.unregister("/elsewhere/sw.js"))).toBe(false);
    expect(await page.evaluate(() => inglenook.offline.unregister())).toBe(true);
    expect(await page.evaluate(() => inglenook.offline.unregister())).toBe(false);
    // A page that is still under its control brings nothing back.
    for (const path of ["inglenook/inglenook_gpu.wasm", "page.js"]) {
      await page.evaluate(async (path) => (await fetch(path)).arrayBuffer(), path);
    }
    const names = await page.evaluate(() => caches.keys());
    expect(names).toContain("another");
    expect(names).not.toContain(name);
    expect(await page.evaluate(async () => (await inglenook.models.list()).length)).toBe(1);
    const asked = server.requests.length;
    await again();
    expect(await page.evaluate(() => navigator.serviceWorker.controller)).toBe(null);
    expect(server.paths.slice(asked)).toContain("/site/");
  });

  it("is gone, with what it kept, after a visit to a site that wants none any more", async () => {
    await register();
    site.build("--remove");
    await update();
    await page.goto("about:blank");
    await expect
      .poll(async () => {
        await again();
        return page.evaluate(async () => [
          (await navigator.serviceWorker.getRegistrations()).length,
          (await caches.keys()).filter((name) => name.includes("offline")).length,
        ]);
      })
      .toEqual([0, 0]);
  });

  it("refuses a page that goes on asking for it", async () => {
    const gone = {
      code: "worker",
      isInglenookError: true,
      message: expect.stringContaining("removes itself"),
    };
    const left = () =>
      page.evaluate(async () => [
        (await navigator.serviceWorker.getRegistrations()).length,
        (await caches.keys()).filter((name) => name.includes("offline")).length,
      ]);
    site.build("--remove");
    expect(await refusal("sw.js")).toMatchObject(gone);
    expect(await left()).toEqual([0, 0]);
    site.build();
    await again();
    await register();
    site.build("--remove");
    // The page is under an earlier one's control, which stays until it is closed.
    await register();
    await update();
    await page.goto("about:blank");
    await expect.poll(async () => [await again(), await left()].at(-1)).toEqual([0, 0]);
    expect(await refusal("sw.js")).toMatchObject(gone);
  });

  it("says why a site cannot be kept", async () => {
    server.answer("/site/page.js", status(503));
    expect(await refusal("sw.js")).toMatchObject({ code: "http-status", isInglenookError: true });
    server.answer("/site/page.js", (response) => response.destroy());
    expect(await refusal("sw.js")).toMatchObject({ code: "network", detail: `${url}page.js` });
    server.answer("/site/page.js", (response) => response.end("another"));
    expect(await refusal("sw.js")).toMatchObject({
      code: "hash-mismatch",
      detail: `${url}page.js`,
    });
    server.restore("/site/page.js");
    const session = await opened.context.newCDPSession(page);
    const { origin } = new URL(server.url);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 100_000 });
    expect(await refusal("sw.js")).toMatchObject({ code: "storage-full" });
    await session.send("Storage.overrideQuotaForOrigin", { origin });
    await register();
  });

  it("says why there is no service worker", async () => {
    site.write("inglenook/sw.js", readFileSync(site.file("sw.js")));
    site.write("broken.js", "(");
    expect(await refusal("nowhere.js")).toMatchObject({ code: "http-status", isInglenookError: true });
    expect(await refusal("index.html")).toMatchObject({ code: "malformed-file" });
    expect(await refusal("inglenook/sw.js")).toMatchObject({ code: "invalid-input" });
    expect(await refusal("https://elsewhere.example/sw.js")).toMatchObject({ code: "invalid-input" });
    expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(
      0,
    );
    expect(await refusal("broken.js")).toMatchObject({ code: "worker" });
    expect(await refusal("http://[")).toMatchObject({ code: "invalid-input" });
    await server.stop();
    expect(await refusal("sw.js")).toMatchObject({ code: "network" });
  });

  it("says that an insecure page has no service workers", async () => {
    const tab = await opened.context.newPage();
    const host = "http://insecure.example/";
    await tab.route(`${host}**`, async (route) => {
      const url = route.request().url().replace(host, server.url);
      await route.fulfill({ response: await route.fetch({ url }) });
    });
    await tab.goto(host + site.path);
    await tab.waitForSelector("body[data-ready]", { state: "attached" });
    expect(await tab.evaluate(() => outcomeOf(inglenook.offline.register()))).toMatchObject({
      code: "storage-denied",
    });
    expect(await tab.evaluate(() => outcomeOf(inglenook.offline.unregister()))).toMatchObject({
      code: "storage-denied",
    });
  });
});
