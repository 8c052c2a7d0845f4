import puppeteer from "puppeteer-core";
import { findBrowser } from "../../browsers.mjs";
import type { EngineKind } from "./engine.js";

const path = findBrowser("firefox");

/** Headless Firefox, over WebDriver BiDi. */
export const firefox: EngineKind = {
  name: "Firefox",
  missing: path ? undefined : "Firefox was not found",
  keepsProfile: true,
  async open(url, profile) {
    const options = { executablePath: path, headless: true, ...(profile && { userDataDir: profile }) };
    const browser = await puppeteer.launch({ browser: "firefox", ...options });
    const page = await browser.newPage();
    const visit = async (url: string) => {
      await page.goto(url);
      await page.waitForSelector("body[data-ready], body[data-model]");
    };
    await visit(url);
    return {
      visit,
      run: (script, input) => page.evaluate(script as never, input) as never,
      close: () => browser.close(),
    };
  },
};
