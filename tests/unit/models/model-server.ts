import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Served {
  path: string;
  range: string | undefined;
  ifRange: string | undefined;
  /** Bytes of body that were sent. */
  sent: number;
}

/** How one answer departs from a plain, correct one. */
export interface Answer {
  body?: Buffer;
  status?: number;
  etag?: string;
  /** Send whole files whatever range was asked for. */
  ignoreRange?: boolean;
  /** Close the connection after this share of the body. */
  cutAt?: number;
  /** Leave the length out, as a chunked answer does. */
  unknownLength?: boolean;
}

export interface ModelServer extends AsyncDisposable {
  url: string;
  served: Served[];
}

/** A loopback HTTP server whose n-th answer to a path is `answer(path, n)`, counted from 0; undefined is a 404. */
export async function serveModels(
  answer: (path: string, n: number) => Answer | undefined,
): Promise<ModelServer> {
  const served: Served[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const n = served.filter((one) => one.path === path).length;
    const record = { path, range: request.headers.range, ifRange: ifRangeOf(request), sent: 0 };
    served.push(record);
    record.sent = reply(request, response, answer(path, n) ?? { status: 404 });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    served,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function reply(request: IncomingMessage, response: ServerResponse, answer: Answer): number {
  const body = answer.body ?? Buffer.from("nothing here");
  const start = answer.ignoreRange || answer.body === undefined ? 0 : rangeStart(request, answer.etag);
  const rest = body.subarray(start);
  if (answer.etag) response.setHeader("etag", answer.etag);
  if (start > 0) response.setHeader("content-range", `bytes ${start}-${body.length - 1}/${body.length}`);
  if (!answer.unknownLength) response.setHeader("content-length", rest.length);
  response.writeHead(answer.status ?? (start > 0 ? 206 : 200));
  if (answer.cutAt === undefined) {
    response.end(rest);
    return rest.length;
  }
  const until = Math.floor(rest.length * answer.cutAt);
  response.write(rest.subarray(0, until), () => setTimeout(() => response.destroy(), 20));
  return until;
}

function rangeStart(request: IncomingMessage, etag: string | undefined): number {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const condition = ifRangeOf(request);
  return condition === undefined || condition === etag ? start : 0;
}

function ifRangeOf(request: IncomingMessage): string | undefined {
  const value = request.headers["if-range"];
  return Array.isArray(value) ? value[0] : value;
}
