import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const fetchRemote = globalThis.fetch;

/** Answers for a file as a web server would: Node's `fetch` knows no `file:`. */
export async function fetchAnywhere(input: string | URL, init?: RequestInit): Promise<Response> {
  const url = new URL(input);
  return url.protocol === "file:" ? fetchFile(fileURLToPath(url)) : fetchRemote(url, init);
}

async function fetchFile(path: string): Promise<Response> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) return new Response(null, { status: 404 });
  const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
  const type = path.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
  return new Response(body, { headers: { "Content-Type": type, "Content-Length": `${info.size}` } });
}
