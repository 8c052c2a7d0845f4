import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { Chromium, hasChromium } from "./harness/chromium.js";
import { FileHost } from "./harness/file-host.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { TestServer } from "./harness/server.js";

const FILE = readFileSync(join(ROOT, "models/weights/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf"));

describe.skipIf(!hasChromium)("a model at another origin, which allows this one and no more", () => {
  let page: TestServer;
  let models: TestServer;
  let chromium: Chromium;

  beforeAll(async () => {
    page = await TestServer.start({
      headers: { "Content-Security-Policy": "script-src 'self' 'wasm-unsafe-eval'; connect-src *" },
    });
    models = await TestServer.start({ headers: { "Access-Control-Allow-Origin": "*" } });
    chromium = await Chromium.launch();
  });

  afterAll(async () => {
    await chromium?.close();
    await Promise.all([page?.stop(), models?.stop()]);
  });

  it("comes in parts, without a request that asks whether that is allowed", async () => {
    const host = new FileHost(FILE);
    const model = hostModel(models, { "model.gguf": FILE }, { "model.gguf": host.reply });
    const opened = await chromium.open(page);
    const bytesFetched = await opened.page.evaluate(
      async ([model, modelHost]) => {
        const embedder = await inglenook.Embedder.create({ model, modelHost, device: "cpu" });
        embedder.destroy();
        return embedder.bytesFetched;
      },
      [model, `${models.url}models/`] as const,
    );
    expect(bytesFetched).toBe(FILE.length);
    expect(host.asked.length).toBeGreaterThan(1);
    expect(host.asked.every(({ range, ifRange }) => range && ifRange === undefined)).toBe(true);
    expect(models.requests.every(({ method }) => method === "GET")).toBe(true);
  });
});
