import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that went through the proxy. */
export interface Passed {
  method: string;
  url: URL;
  headers: [name: string, value: string][];
  /** Bytes of its body. */
  bytes: number;
}

/**
 * A proxy on this machine alone, through which a browser reaches everything, servers on this machine too. It passes
 * plain requests on, and refuses every tunnel: to whoever is asked for by HTTPS or WebSocket, nothing goes.
 */
export class RecordingProxy {
  readonly passed: Passed[] = [];
  /** What tunnels were asked for, as `host:port`. */
  readonly tunnels: string[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((from, to) => this.#pass(from, to));
    this.#server.on("connect", ({ url = "" }: IncomingMessage, socket) => {
      this.tunnels.push(url);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
  }

  static start(): Promise<RecordingProxy> {
    const proxy = new RecordingProxy();
    return new Promise((resolve) => proxy.#server.listen(0, "127.0.0.1", () => resolve(proxy)));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(from: IncomingMessage, to: ServerResponse): void {
    const { method = "", headers } = from;
    const url = new URL(from.url ?? "");
    const seen: Passed = { method, url, headers: pairs(from.rawHeaders), bytes: 0 };
    this.passed.push(seen);
    from.on("data", (chunk: Buffer) => {
      seen.bytes += chunk.length;
    });
    const onward = request(url, { method, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(to);
    });
    onward.on("error", () => (to.headersSent ? to.destroy() : to.writeHead(502).end()));
    to.on("close", () => onward.destroy());
    from.pipe(onward);
  }
}

function pairs(raw: string[]): [string, string][] {
  const names = raw.filter((_, i) => i % 2 === 0);
  return names.map((name, i) => [name.toLowerCase(), raw[2 * i + 1] ?? ""]);
}
