import type * as Vite from "vite";
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { CONTENT_SECURITY_POLICY } from "../../web/serve.mjs";
import { Chromium, hasChromium } from "../browser/harness/chromium.js";
import { TestServer } from "../browser/harness/server.js";
import { expectRightAnswers } from "./harness/answers.js";
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

  it("works in an app built by Next.js, of which a server renders the page", async () => {
    app = await App.install("next");
    await app.run("npm", "run", "build");
    await expectRightAnswers(chromium, await serveBuilt("out"));
  });
});
