import { chromium } from "playwright-core";
import { CHROMIUM_FLAGS, findBrowser } from "../../browsers.mjs";
import type { EngineKind } from "./engine.js";

const path = findBrowser("chromium");

/** Headless Chromium as a person has it: with service workers, and a profile that outlives it. */
export const chromiumProfile: EngineKind = {
  name: "Chromium",
  missing: path ? undefined : "Chromium was not found",
  keepsProfile: true,
  async open(url, profile = "") {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: path ?? "",
      args: [...CHROMIUM_FLAGS],
    });
    const page = await context.newPage();
    const visit = async (url: string) => {
      await page.goto(url);
      await page.waitForSelector("body[data-ready], body[data-model]", { state: "attached" });
    };
    await visit(url);
    return {
      visit,
      run: (script, input) => page.evaluate(script as never, input) as never,
      close: () => context.close(),
    };
  },
};
