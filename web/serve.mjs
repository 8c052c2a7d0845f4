/** A static server on this machine alone, with the headers that a site is meant to be published with. */
import { createReadStream, realpathSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { StageError } from "./stage.mjs";

/** Nothing from anywhere else, and no code that is not a file of this origin. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/**
 * @typedef {object} ServeOptions
 * @property {string} root  The folder that is served.
 * @property {Record<string, string>} [mounts]  Further folders by path prefix.
 * @property {string | null} [policy]  The content security policy; `null` to send none.
 * @property {number} [port]  Any free port is taken when this one is not free; default 0, any.
 * @property {string} [host]
 * @property {Record<string, string | null>} [headers]  Added to every answer; replaces those of the same name, or with `null`
 *   takes them away.
 * @property {(request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => boolean} [intercept]
 *   Sees every request first; `true` when it has taken care of it.
 */

/**
 * Starts a server.
 * @param {ServeOptions} options
 * @returns {Promise<{ url: string, port: number, close(): Promise<void> }>}
 */
export async function serve({
  root,
  mounts,
  policy = CONTENT_SECURITY_POLICY,
  port = 0,
  host = "127.0.0.1",
  headers,
  intercept,
}) {
  const folders = Object.entries({ ...mounts, "/": root });
  const wanted = { ...HEADERS, "Content-Security-Policy": policy, ...headers };
  const all = Object.entries(wanted).filter(([, value]) => value !== null);
  const server = createServer((request, response) => {
    for (const [name, value] of all) response.setHeader(name, value);
    if (intercept?.(request, response)) return;
    answer(request, response, folders).catch(() => end(response, 500));
  });
  await listen(server, port, host);
  const { port: actual } = server.address();
  return {
    url: `http://${host}:${actual}/`,
    port: actual,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server, port, host) {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      if (error.code === "EADDRINUSE" && port !== 0) resolve(listen(server, 0, host));
      else reject(new StageError(`The server could not be started: ${error.message}`));
    });
    server.listen(port, host, resolve);
  });
}

async function answer(request, response, folders) {
  if (request.method !== "GET" && request.method !== "HEAD") return end(response, 405);
  const file = await locate(request.url ?? "/", folders);
  if (!file) return end(response, 404);
  const etag = `"${file.size.toString(36)}-${Math.round(file.mtimeMs).toString(36)}"`;
  response.setHeader("ETag", etag);
  response.setHeader("Accept-Ranges", "bytes");
  // The site's builder puts a hash into the names of its assets.
  response.setHeader("Cache-Control", file.hashed ? "public, max-age=31536000, immutable" : "no-cache");
  if (request.headers["if-none-match"] === etag) return end(response, 304);
  const range = parseRange(request.headers.range, file.size);
  if (range === null) {
    response.setHeader("Content-Range", `bytes */${file.size}`);
    return end(response, 416);
  }
  const { start, last } = range ?? { start: 0, last: file.size - 1 };
  if (range) response.setHeader("Content-Range", `bytes ${start}-${last}/${file.size}`);
  response.setHeader("Content-Type", TYPES[extname(file.path)] ?? "application/octet-stream");
  response.setHeader("Content-Length", last - start + 1);
  response.writeHead(range ? 206 : 200);
  if (request.method === "HEAD" || file.size === 0) return response.end();
  const stream = createReadStream(file.path, { start, end: last });
  stream.on("error", () => response.destroy());
  response.on("close", () => stream.destroy());
  stream.pipe(response);
}

function end(response, status) {
  if (response.headersSent) return response.destroy();
  response.writeHead(status).end();
}

/** The file that an address means; `undefined` unless it is a file inside the folder that is served. */
async function locate(url, folders) {
  let path;
  try {
    path = decodeURIComponent(new URL(url, "http://localhost").pathname);
  } catch {
    return undefined;
  }
  const [prefix, folder] = folders.find(([prefix]) => path.startsWith(prefix)) ?? [];
  if (!folder || path.includes("\0")) return undefined;
  const wanted = join(folder, path.slice(prefix.length));
  try {
    const info = await stat(wanted);
    const found = await realpath(info.isDirectory() ? join(wanted, "index.html") : wanted);
    // Neither `..` nor a link leads out.
    if (!found.startsWith(realpathSync(folder) + sep)) return undefined;
    const { size, mtimeMs } = await stat(found);
    return { path: found, size, mtimeMs, hashed: path.startsWith("/assets/") };
  } catch {
    return undefined;
  }
}

/**
 * The single range of a Range header; `undefined` to answer with the whole file, `null` when it is outside.
 * @param {string | undefined} header
 * @param {number} size
 */
function parseRange(header, size) {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (from === undefined || (from === "" && to === "")) return undefined;
  const start = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return start <= last ? { start, last } : null;
}
