import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { CHROMIUM_FLAGS, findBrowser } from "../../browsers.mjs";

/**
 * A Chromium with tabs that are hidden, and frozen, as a person's are. (Playwright has every page believe that it is in
 * front.)
 */
export class Tabs {
  readonly #browser: Browser;
  readonly #other: Page;

  private constructor(browser: Browser, other: Page) {
    this.#browser = browser;
    this.#other = other;
  }

  static async launch(): Promise<Tabs> {
    const browser = await puppeteer.launch({
      executablePath: findBrowser("chromium"),
      args: CHROMIUM_FLAGS,
      headless: true,
    });
    return new Tabs(browser, await browser.newPage());
  }

  /** Opens a tab in front of the others, and waits until its page is ready. */
  async open(url: string): Promise<Page> {
    const page = await this.#browser.newPage();
    await page.goto(url);
    await page.waitForSelector("body[data-ready], body[data-model]");
    return page;
  }

  /** Puts another tab in front. */
  async hide(): Promise<void> {
    await this.#other.bringToFront();
  }

  /** Freezes a hidden page, with its workers, as browsers do to save memory and power. Gives how to thaw it. */
  async freeze(page: Page): Promise<() => Promise<void>> {
    const session = await page.createCDPSession();
    await session.send("Page.setWebLifecycleState", { state: "frozen" });
    return async () => {
      await session.send("Page.setWebLifecycleState", { state: "active" });
      await session.detach();
    };
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}
