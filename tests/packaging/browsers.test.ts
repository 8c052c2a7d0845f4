import { cpSync, readFileSync, writeFileSync } from "node:fs";
import type * as Vite from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CONTENT_SECURITY_POLICY } from "../../web/serve.mjs";
import type { OfflineSite } from "../../web/src/index.js";
import { Chromium, hasChromium } from "../browser/harness/chromium.js";
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

  /** Serves what the app was built into, whose page is `index.html`. */
  async function serveBuilt(...folder: string[]): Promise<TestServer> {
    const policy = policyFor(app.path(...folder, "index.html"));
    server = await TestServer.start({ root: app.path(...folder), policy });
    return server;
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
      const policy = policyFor(app.path("index.html"))
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
    await app.run("npx", "inglenook", "offline", "dist");
    const { url } = await serveBuilt("dist");
    const model = hostModel(server as TestServer, tinyGguf());
    const { page, context, errors } = await chromium.open(server as TestServer, "", undefined, "allow");
    await page.evaluate(async () => {
      Object.assign(globalThis, { site: await inglenook.offline.register() });
    });
    await expectVectors(page, model, `${url}models/`);
    const isReady = await page.evaluate(() =>
      (globalThis as unknown as { site: OfflineSite }).site.isReady(),
    );
    expect(isReady).toBe(true);
    await server?.stop();
    await page.reload();
    await page.waitForSelector("body[data-ready]", { state: "attached" });
    await expectVectors(page, model, `${url}models/`);
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
});
