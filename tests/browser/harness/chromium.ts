import { existsSync, readFileSync } from "node:fs";
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";
import { CHROMIUM_FLAGS, findBrowser } from "../../browsers.mjs";
import type { TestServer } from "./server.js";
import { settled } from "./settled.js";

const path = findBrowser("chromium");
if (!path) console.warn("Chromium was not found: its tests are skipped.");

/** Whether the tests in Chromium can run. */
export const hasChromium = path !== undefined;

/** Whether this system tells how much memory a process holds. */
export const measuresMemory = existsSync("/proc/self/status");

/** A page in a profile of its own. */
export interface OpenPage {
  page: Page;
  context: BrowserContext;
  /** Errors that nothing caught. */
  errors: string[];
}

/** A headless Chromium. */
export class Chromium {
  readonly #browser: Browser;
  readonly #session: CDPSession;

  private constructor(browser: Browser, session: CDPSession) {
    this.#browser = browser;
    this.#session = session;
  }

  /**
   * `gpu`: with WebGPU on the processor, which computes right but slowly. `proxy`: the address of what everything goes
   * through, also to servers of this machine.
   */
  static async launch({ gpu = false, proxy }: { gpu?: boolean; proxy?: string } = {}): Promise<Chromium> {
    const browser = await chromium.launch({
      executablePath: path ?? "",
      args: [...CHROMIUM_FLAGS, ...(gpu ? ["--enable-unsafe-webgpu"] : [])],
      ...(proxy && { proxy: { server: proxy, bypass: "<-loopback>" } }),
    });
    return new Chromium(browser, await browser.newBrowserCDPSession());
  }

  /**
   * Opens the server's page with an empty cache, in a renderer process of its own. `prepare` sees the context
   * before anything is requested. `serviceWorkers` are not in the way of what other tests count.
   */
  async open(
    server: TestServer,
    path = "",
    prepare: (context: BrowserContext) => unknown = () => {},
    serviceWorkers: "allow" | "block" = "block",
  ): Promise<OpenPage> {
    const context = await this.#browser.newContext({ serviceWorkers });
    await prepare(context);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(server.url + path);
    await page.waitForSelector("body[data-ready], body[data-model]", { state: "attached" });
    return { page, context, errors };
  }

  /** Megabytes that all renderer processes hold in memory. */
  async rendererMegabytes(): Promise<number> {
    const sizes = (await this.#renderers()).map(({ id }) => {
      const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${id}/status`, "utf8")) ?? [];
      return Number(kilobytes) / 1024;
    });
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** The same, once the page's garbage is out and nothing changes any more; 0 where memory is not measured. */
  async quietMegabytes({ context, page }: OpenPage): Promise<number> {
    if (!measuresMemory) return 0;
    const session = await context.newCDPSession(page);
    await session.send("HeapProfiler.collectGarbage");
    await session.detach();
    return settled(() => this.rendererMegabytes());
  }

  /** Milliseconds of processor time that all renderer processes have used. */
  async rendererCpuMs(): Promise<number> {
    return (await this.#renderers()).reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  async #renderers() {
    const { processInfo } = await this.#session.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer");
  }
}

/** How many workers the page has, less their threads. */
export function workersNow(page: Page): number {
  return page.workers().filter((worker) => !worker.url().endsWith("/thread.js")).length;
}

/** How many workers the page has once those that were told to end have ended; waits half a minute at most. */
export async function workersLeft(page: Page): Promise<number> {
  for (let left = 300; left > 0 && page.workers().length > 0; left--) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return page.workers().length;
}
