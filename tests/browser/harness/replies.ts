import type { ServerResponse } from "node:http";

/** How the server answers one path. */
export type Reply = (response: ServerResponse) => void;

const BINARY = { "Content-Type": "application/octet-stream", "Cache-Control": "no-store" };

/** The bytes, as they should be. */
export function whole(bytes: Uint8Array): Reply {
  return (response) => response.writeHead(200, { ...BINARY, "Content-Length": bytes.length }).end(bytes);
}

export function status(code: number): Reply {
  return (response) => response.writeHead(code).end("no");
}

/** A web page with status 200, as a host for single-page applications gives for any path. */
export function webPage(): Reply {
  return (response) =>
    response
      .writeHead(200, { "Content-Type": "text/html; charset=utf-8" })
      .end("<!doctype html><title>Hi</title>");
}

/** Announces all the bytes, sends half of them and closes the connection. */
export function cutInHalf(bytes: Uint8Array): Reply {
  return (response) => {
    response.writeHead(200, { ...BINARY, "Content-Length": bytes.length });
    response.write(bytes.subarray(0, bytes.length / 2), () => setTimeout(() => response.destroy(), 50));
  };
}

/** Closes the connection without an answer. */
export function hangUp(): Reply {
  return (response) => response.destroy();
}

/** Sends a part of the bytes every so often. */
export function dripping(bytes: Uint8Array, { parts, everyMs }: { parts: number; everyMs: number }): Reply {
  return (response) => {
    response.writeHead(200, { ...BINARY, "Content-Length": bytes.length });
    let sent = 0;
    const timer = setInterval(() => {
      const next = Math.min(bytes.length, sent + Math.ceil(bytes.length / parts));
      response.write(bytes.subarray(sent, next));
      sent = next;
      if (sent === bytes.length) response.end();
    }, everyMs);
    response.on("close", () => clearInterval(timer));
  };
}
