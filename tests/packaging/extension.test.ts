import { createHash } from "node:crypto";
import { type BrowserContext, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { hasChromium } from "../browser/harness/chromium.js";
import { CHROMIUM_FLAGS, findBrowser } from "../browsers.mjs";
import { expectAnswer, expectVectors } from "./harness/answers.js";
import { App } from "./harness/app.js";
import { CHAT_FILE, putModels } from "./harness/models.js";

/** The id that Chromium gives an extension that it loads from a folder. */
function idOf(folder: string): string {
  const digits = createHash("sha256").update(folder).digest("hex").slice(0, 32);
  return digits.replaceAll(/./g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)));
}

describe.skipIf(!hasChromium)("the packed package in a browser extension", () => {
  let app: App;
  let context: BrowserContext;

  beforeAll(async () => {
    app = await App.install("extension");
    await app.run("npm", "run", "build");
    context = await chromium.launchPersistentContext(app.path("profile"), {
      executablePath: findBrowser("chromium") ?? "",
      args: [
        ...CHROMIUM_FLAGS,
        `--disable-extensions-except=${app.folder}`,
        `--load-extension=${app.folder}`,
      ],
    });
  });
  afterAll(async () => {
    await context?.close();
    app?.remove();
  });

  it("works on one of its pages, with the models in the extension", async () => {
    const model = putModels(app);
    const page = await context.newPage();
    await page.goto(`chrome-extension://${idOf(app.folder)}/index.html`);
    await page.waitForSelector("body[data-ready]", { state: "attached" });
    await expectVectors(page, model, "models/");
    await expectAnswer(page, CHAT_FILE);
  });
});
