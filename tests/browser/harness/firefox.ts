import puppeteer from "puppeteer-core";
import { findBrowser } from "../../browsers.mjs";
import type { EngineKind } from "./engine.js";

const path = findBrowser("firefox");

/** Headless Firefox, over WebDriver BiDi. */
export const firefox: EngineKind = {
  name: "Firefox",
  missing: path ? undefined : "Firefox was not found",
  async open(url) {
    const browser = await puppeteer.launch({ browser: "firefox", executablePath: path, headless: true });
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForSelector("body[data-ready], body[data-model]");
    return {
      run: (script, input) => page.evaluate(script as never, input) as never,
      close: () => browser.close(),
    };
  },
};
