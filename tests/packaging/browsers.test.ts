import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import type * as Vite from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CONTENT_SECURITY_POLICY } from "../../web/serve.mjs";
import { PLAIN } from "../browser/harness/built-site.js";
import { Chromium, hasChromium, type OpenPage } from "../browser/harness/chromium.js";
import { hostModel, tinyGguf } from "../browser/harness/models.js";
import { TestServer } from "../browser/harness/server.js";
import { expectRightAnswers, expectVectors } from "./harness/answers.js";
import { App } from "./harness/app.js";
import { policyFor } from "./harness/policy.js";

describe.skipIf(!hasChromium)("the packed package in Chromium", () => {
  let chromium: Chromium;
  let app: App;
  let server: TestServer | undefined;

  beforeAll(async () => {
    chromium = await Chromium.launch();
  });
  afterAll(() => chromium?.close());
  afterEach(async () => {
    await server?.stop();
    app?.remove();
  });

  /** Serves what the app was built into, whose page is `index.html`; others also without their ending, as hosts do. */
  async function serveBuilt(folder = "", headers = {}): Promise<TestServer> {
    const root = app.path(folder);
    server = await TestServer.start({ root, policy: policyFor(root), headers });
    for (const name of readdirSync(root).filter((name) => name.endsWith(".html"))) {
      server.answer(`/${name.replace(".html", "")}`, (response) =>
        response.writeHead(200, { "Content-Type": "text/html" }).end(readFileSync(app.path(folder, name))),
      );
    }
    return server;
  }

  /** Has a host that sends no headers serve a built app, which keeps itself; opens it again, and embeds, without the host. */
  async function openOffline(folder: string): Promise<OpenPage> {
    await app.run("npx", "inglenook", "offline", folder);
    const host = await serveBuilt(folder, PLAIN);
    const { url } = host;
    const model = hostModel(host, tinyGguf());
    const opened = await chromium.open(host, "", undefined, "allow");
    const { page } = opened;
    const reload = async () => {
      await page.reload();
      await page.waitForSelector("body[data-ready]", { state: "attached" });
    };
    const register = () => page.evaluate(async () => (await inglenook.offline.register("/sw.js")).isReady());
    expect(await register()).toBe(false);
    await reload();
    await expectVectors(page, model, `${url}models/`);
    expect(await register()).toBe(true);
    expect(host.violations).toEqual([]);
    await host.stop();
    await reload();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await expectVectors(page, model, `${url}models/`);
    return opened;
  }

  it("works from an import map, without a bundler", async () => {
    app = await App.install("import-map");
    await expectRightAnswers(chromium, await serveBuilt());
  });

  it("works from another origin, without a bundler", async () => {
    app = await App.install("import-map");
    const cdn = await TestServer.start({
      root: app.path("node_modules"),
      headers: { "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin" },
    });
    try {
      const { origin } = new URL(cdn.url);
      const page = readFileSync(app.path("index.html"), "utf8");
      const map = page.replace(
        "./node_modules/inglenook/web/dist/index.js",
        `${origin}/inglenook/web/dist/cdn.js`,
      );
      writeFileSync(app.path("index.html"), map);
      const policy = policyFor(app.path())
        .replace("script-src", `script-src ${origin}`)
        .replace("connect-src", `connect-src ${origin}`)
        .replace("worker-src", `worker-src blob: ${origin}`);
      server = await TestServer.start({ root: app.path(), policy });
      await expectRightAnswers(chromium, server);
      expect(server.paths.filter((path) => path.includes("inglenook"))).toEqual([]);
    } finally {
      await cdn.stop();
    }
  });

  it.each(["esbuild", "rollup", "webpack"])("works in an app built by %s", async (name) => {
    app = await App.install(name);
    await app.run("npm", "run", "build");
    await expectRightAnswers(chromium, await serveBuilt());
  });

  it("works in an app built by Vite", async () => {
    app = await App.install("vite");
    await app.run("npm", "run", "build");
    await expectRightAnswers(chromium, await serveBuilt("dist"));
  });

  it.each(["webpack", "vite"])("works without a network in an app built by %s", async (name) => {
    app = await App.install(name);
    await app.run("npm", "run", "build");
    if (name === "webpack") {
      for (const part of ["index.html", "build"]) {
        cpSync(app.path(part), app.path("dist", part), { recursive: true });
      }
    }
    const { errors, context } = await openOffline("dist");
    expect(errors).toEqual([]);
    await context.close();
  });

  it("works in Vite's development server", async () => {
    app = await App.install("vite");
    const { createServer } = (await import(app.url("node_modules/vite/dist/node/index.js"))) as typeof Vite;
    // By a socket it tells of changes; that of a server inside another has a port of its own.
    const policy = CONTENT_SECURITY_POLICY.replace("connect-src", "connect-src ws:");
    server = await TestServer.start({ root: app.path(), policy });
    const vite = await createServer({
      root: app.path(),
      logLevel: "error",
      server: { middlewareMode: true },
    });
    server.passOn(vite.middlewares);
    try {
      await expectRightAnswers(chromium, server);
    } finally {
      await vite.close();
    }
  });

  it.each(["Turbopack", "webpack"])("works in an app built by Next.js with %s", async (bundler) => {
    app = await App.install("next");
    await app.run("npm", "run", "build", "--", `--${bundler.toLowerCase()}`);
    // The server has rendered the page, and of the package nothing but its import has happened there.
    expect(readFileSync(app.path("out/index.html"), "utf8")).toContain("<main>An app</main>");
    await expectRightAnswers(chromium, await serveBuilt("out"));
  });

  it.each(["Turbopack", "webpack"])(
    "works without a network in an app built by Next.js with %s, from page to page",
    async (bundler) => {
      app = await App.install("next");
      await app.run("npm", "run", "build", "--", `--${bundler.toLowerCase()}`);
      const { page, errors, context } = await openOffline("out");
      await page.evaluate(() => document.body.classList.add("loaded-before"));
      for (const [address, text] of [
        ["/about", "About the app"],
        ["/", "An app"],
      ]) {
        await page.click("nav a");
        await page.waitForURL((url) => url.pathname === address);
        await expect.poll(() => page.textContent("main")).toBe(text);
        // Next.js has put the other page into this one.
        expect(await page.getAttribute("body", "class")).toBe("loaded-before");
      }
      // An address that Next.js gives a page, without ".html", and not from another one.
      await page.goto(new URL("/about", page.url()).href);
      expect(await page.textContent("main")).toBe("About the app");
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      expect(errors).toEqual([]);
      await context.close();
    },
  );
});
