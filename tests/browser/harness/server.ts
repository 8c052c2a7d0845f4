import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { CONTENT_SECURITY_POLICY, serve } from "../../../web/serve.mjs";
import { ROOT } from "../../../web/stage.mjs";
import type { Reply } from "./replies.js";

/** One request, as the server saw it. */
export interface Recorded {
  method: string;
  path: string;
  query: string;
  hasBody: boolean;
}

/** A prelude after which a worker takes the page for one that is not cross-origin isolated: it computes on one thread. */
export const NOT_ISOLATED = 'Object.defineProperty(self, "crossOriginIsolated", { value: false });';

/** A prelude after which the timers of a worker run a hundred times as fast: what it waits for is the same. */
export const FAST_TIMERS = `for (const name of ["setTimeout", "setInterval"]) {
  const plain = self[name];
  self[name] = (act, ms, ...given) => plain(act, ms / 100, ...given);
}`;

/** A server inside another: it answers, or calls `next`. */
export type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const REPORTS = "/policy-violations";

/**
 * The project's own server, with its headers, on this machine alone: it serves the test page (or the site), the
 * built package under `/dist/` and the weights under `/models/`, records every request, and answers as told.
 *
 * Violations of the content security policy, of pages and of workers, arrive in `violations`.
 */
export class TestServer {
  readonly requests: Recorded[] = [];
  readonly violations: string[] = [];
  /** Paths that were answered with an error. */
  readonly refused: string[] = [];
  readonly #routes = new Map<string, Reply>();
  #middleware: Middleware | undefined;
  #server: Awaited<ReturnType<typeof serve>> | undefined;

  /**
   * `root` is what lies at `/`: the test page unless given. `policy` is the project's own unless given. `headers` are
   * added, or replace those of the same name; `null` takes one away.
   */
  static async start({
    root = join(ROOT, "tests/browser/page"),
    policy = CONTENT_SECURITY_POLICY,
    headers = {},
  }: {
    root?: string | undefined;
    policy?: string;
    headers?: Record<string, string | null>;
  } = {}): Promise<TestServer> {
    const server = new TestServer();
    server.#server = await serve({
      root,
      mounts: { "/dist/": join(ROOT, "web/dist"), "/models/": join(ROOT, "models/weights") },
      policy: `${policy}; report-uri ${REPORTS}`,
      headers,
      intercept: (request, response) => server.#intercept(request, response),
    });
    return server;
  }

  get url(): string {
    if (!this.#server) throw new Error("The server has been stopped.");
    return this.#server.url;
  }

  /** Paths asked for so far. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path);
  }

  /** From now on, answers `path` in its own way. */
  answer(path: string, reply: Reply): void {
    this.#routes.set(path, reply);
  }

  /** Answers `path` as a plain server does again. */
  restore(path: string): void {
    this.#routes.delete(path);
  }

  /** Runs `script` in every new worker of the package before its own code; none by default. */
  setPrelude(script = ""): void {
    for (const name of ["worker.js", "chat-worker.js"]) {
      const code = readFileSync(join(ROOT, "web/dist", name), "utf8");
      this.answer(`/dist/${name}`, (response) => {
        response.writeHead(200, { "Content-Type": "text/javascript", "Cache-Control": "no-store" });
        response.end(`${script}\n${code}`);
      });
    }
  }

  /** From now on, leaves to `middleware` what it is not told how to answer. */
  passOn(middleware: Middleware): void {
    this.#middleware = middleware;
  }

  /** Cuts every connection; later requests find nobody. */
  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  #intercept(request: IncomingMessage, response: ServerResponse): boolean {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === REPORTS) {
      this.#takeReport(request, response);
      return true;
    }
    const { method = "", headers } = request;
    const hasBody = Number(headers["content-length"] ?? 0) > 0 || "transfer-encoding" in headers;
    this.requests.push({ method, path: pathname, query: search, hasBody });
    response.on("finish", () => response.statusCode >= 400 && this.refused.push(pathname));
    const reply = this.#routes.get(pathname) ?? (this.#middleware && passOn(this.#middleware, request));
    reply?.(response);
    return reply !== undefined;
  }

  #takeReport(request: IncomingMessage, response: ServerResponse): void {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      this.violations.push(text);
      response.writeHead(204).end();
    });
  }
}

function passOn(middleware: Middleware, request: IncomingMessage): Reply {
  return (response) => middleware(request, response, () => response.writeHead(404).end());
}
