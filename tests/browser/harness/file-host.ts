import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { Reply } from "./replies.js";

/** What a request asked for. */
export interface Asked {
  range: string | undefined;
  ifRange: string | undefined;
}

/**
 * One file at a host that knows ranges, and can be told to do it badly. Its knobs may be turned while it is asked.
 */
export class FileHost {
  readonly asked: Asked[] = [];
  /** Bytes of bodies that were sent. */
  sent = 0;
  etag: string | undefined = '"one"';
  /** How ranges are answered: as they should be, with the whole file, or wrong in some way. */
  ranges: "good" | "ignored" | "refused" | "compressed" | "shifted" | "of another length" = "good";
  /** What is answered instead, as long as there is something; each answers one request. */
  instead: Reply[] = [];
  /** So many bytes are sent in all, and then nothing more, on connections that stay open. */
  stallAfter = Number.POSITIVE_INFINITY;
  /** Every connection is cut when it has sent so many bytes. */
  cutAfter = Number.POSITIVE_INFINITY;
  /** Every connection falls silent when it has sent so many bytes, and stays open. */
  silentAfter = Number.POSITIVE_INFINITY;
  bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  readonly reply: Reply = (response) => {
    const request: IncomingMessage = response.req;
    const { range, "if-range": ifRange } = request.headers;
    this.asked.push({ range, ifRange: ifRange as string | undefined });
    const instead = this.instead.shift();
    if (instead) return instead(response);
    response.setHeader("Content-Type", "application/octet-stream");
    response.setHeader("Cache-Control", "no-store");
    if (this.etag) response.setHeader("ETag", this.etag);
    const isSame = ifRange === undefined || ifRange === this.etag;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    if (from === undefined || !isSame || this.ranges === "ignored")
      return this.#send(response, 200, this.bytes);
    this.#sendPart(response, Number(from), to ? Number(to) + 1 : this.bytes.length);
  };

  #sendPart(response: ServerResponse, from: number, to: number): void {
    const total = this.bytes.length;
    const end = Math.min(to, total);
    if (this.ranges === "refused" || from >= total) {
      response.writeHead(416, { "Content-Range": `bytes */${total}` }).end();
      return;
    }
    const start = this.ranges === "shifted" ? from + 1 : from;
    const said = this.ranges === "of another length" ? total + 1 : total;
    if (this.ranges === "compressed") {
      response.setHeader("Content-Encoding", "gzip");
      this.#send(response, 206, gzipSync(this.bytes, { level: 1 }).subarray(start, end));
      return;
    }
    response.setHeader("Content-Range", `bytes ${start}-${end - 1}/${said}`);
    this.#send(response, 206, this.bytes.subarray(start, end));
  }

  #send(response: ServerResponse, status: number, body: Uint8Array): void {
    response.writeHead(status, { "Content-Length": body.length });
    let at = 0;
    const next = () => {
      if (response.destroyed) return;
      if (at >= body.length) return void response.end();
      if (at >= this.cutAfter) return void response.destroy();
      if (at >= this.silentAfter) return;
      if (this.sent >= this.stallAfter) return void setTimeout(next, 20);
      const chunk = body.subarray(at, at + 65_536);
      at += chunk.length;
      this.sent += chunk.length;
      response.write(chunk, () => setImmediate(next));
    };
    next();
  }
}
