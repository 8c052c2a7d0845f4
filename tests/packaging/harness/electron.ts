import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chromium, type Page } from "playwright-core";
import { findBrowser } from "../../browsers.mjs";
import type { App } from "./app.js";

const electron = findBrowser("electron");
/** What starts a program on a display that does not exist, where Electron would show itself else. */
const display = process.platform === "linux" ? "/usr/bin/xvfb-run" : undefined;

const missing = [...(electron ? [] : ["Electron"]), ...(display && !existsSync(display) ? [display] : [])];
if (missing.length > 0) console.warn(`${missing.join(" and ")} was not found: Electron's tests are skipped.`);

/** Whether the tests in Electron can run. */
export const hasElectron = missing.length === 0;

/** The first window of an app in Electron. */
export class ElectronWindow {
  /** What nothing caught, and what Chromium complained of. */
  readonly errors: string[] = [];

  private constructor(
    readonly page: Page,
    readonly child: ChildProcess,
  ) {
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => message.type() === "error" && this.errors.push(message.text()));
  }

  /** Starts the app, which keeps its data in its folder, and waits for its page; `flags` are Chromium's. */
  static async open(app: App, flags: readonly string[] = []): Promise<ElectronWindow> {
    const profile = `--user-data-dir=${app.path("profile")}`;
    const call = [electron ?? "", "--no-sandbox", "--remote-debugging-port=0", profile, ...flags, app.folder];
    const [program = "", ...args] = display ? [display, "-a", ...call] : call;
    // In a process group of its own: ending that ends the display, too.
    const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    try {
      // Electron refuses the settings that Playwright gives other browsers.
      const browser = await chromium.connectOverCDP(await endpointOf(child), { noDefaults: true });
      const [context] = browser.contexts();
      const page = context?.pages()[0] ?? (await context?.waitForEvent("page"));
      if (!page) throw new Error("Electron has no browser context.");
      const window = new ElectronWindow(page, child);
      await page.waitForSelector("body[data-ready]", { state: "attached" });
      return window;
    } catch (error) {
      await endOf(child, () => stop(child));
      throw error;
    }
  }

  /** Closes the window, which ends the app. */
  async close(): Promise<void> {
    await endOf(this.child, () => this.page.close().catch(() => stop(this.child)));
  }
}

/** Where Electron says that it can be driven. */
function endpointOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const listen = (text: string) => {
      said += text;
      const [, endpoint] = /^DevTools listening on (ws:\S+)$/m.exec(said) ?? [];
      if (endpoint) resolve(endpoint);
    };
    child.stdout?.setEncoding("utf8").on("data", listen);
    child.stderr?.setEncoding("utf8").on("data", listen);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Electron exited with ${code}\n${said}`)));
  });
}

/** Has a program end, unless it has, and waits for that. */
async function endOf(child: ChildProcess, end: () => unknown): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  await end();
  await ended;
}

function stop({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, "SIGTERM");
}
