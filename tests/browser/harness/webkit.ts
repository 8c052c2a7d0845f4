import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { findBrowser } from "../../browsers.mjs";
import type { EngineKind } from "./engine.js";

const driver = findBrowser("webkit");
const browser = findMiniBrowser();
const display = ["/usr/bin/xvfb-run"].find((path) => existsSync(path));

/** It is in no PATH: `/usr/lib/<machine>/webkit2gtk-4.<version>/MiniBrowser`. */
function findMiniBrowser(): string | undefined {
  const inside = (folder: string) =>
    existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  return inside("/usr/lib")
    .filter((machine) => machine.endsWith("-linux-gnu"))
    .flatMap(inside)
    .filter((library) => library.includes("/webkit2gtk-4."))
    .map((library) => join(library, "MiniBrowser"))
    .find((path) => existsSync(path));
}

/** WebKit's own small browser for GTK, over WebDriver, on a display that does not exist. */
export const webkit: EngineKind = {
  name: "WebKit",
  missing:
    driver && browser && display ? undefined : "WebKitWebDriver, MiniBrowser or xvfb-run was not found",
  // It is a private window.
  keepsProfile: false,
  async open(url) {
    const port = await freePort();
    // In a process group of its own: ending that ends the display, the driver and the browser.
    const child = spawn(display ?? "", ["-a", driver ?? "", `--port=${port}`], {
      detached: true,
      stdio: "ignore",
    });
    const stop = () => void (child.pid && process.kill(-child.pid, "SIGTERM"));
    try {
      const session = await WebDriverSession.start(`http://127.0.0.1:${port}`, child);
      await session.command("timeouts", { script: 120_000 });
      const visit = async (url: string) => {
        await session.command("url", { url });
        await session.run(whenReady, null);
      };
      await visit(url);
      return {
        visit,
        run: (script, input) => session.run(script, input),
        close: () => session.end().finally(stop),
      };
    } catch (error) {
      stop();
      throw error;
    }
  },
};

async function whenReady(): Promise<void> {
  while (!document.querySelector("body[data-ready], body[data-model]"))
    await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The few commands of the WebDriver protocol that are needed. */
class WebDriverSession {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** Starts a session as soon as the driver listens. */
  static async start(driverUrl: string, child: ChildProcess): Promise<WebDriverSession> {
    const options = { binary: browser, args: ["--automation"] };
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": options } };
    for (let attempt = 0; ; attempt++) {
      try {
        const { sessionId } = (await post(`${driverUrl}/session`, { capabilities })) as { sessionId: string };
        return new WebDriverSession(`${driverUrl}/session/${sessionId}`);
      } catch (error) {
        // `fetch` fails with a TypeError while nobody listens.
        if (!(error instanceof TypeError) || attempt > 100 || child.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  command(name: string, body: object): Promise<unknown> {
    return post(`${this.#url}/${name}`, body);
  }

  async run<A, T>(script: (input: A) => Promise<T>, input: A): Promise<T> {
    const call = `const done = arguments[1];
      (${script})(arguments[0]).then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const answer = await this.command("execute/async", { script: call, args: [input] });
    const { value, error } = answer as { value: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }

  async end(): Promise<void> {
    await fetch(this.#url, { method: "DELETE" });
  }
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  const { value } = (await response.json()) as { value: { error?: string; message?: string } };
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
