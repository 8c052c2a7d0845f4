// A loopback server for one benchmark run. Pages are cross-origin isolated, and engines can have threads, if told so.
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { BENCH, MODULES, PACKAGE, PEER_MODELS, WEIGHTS } from "./paths.mjs";
import { ALONE } from "./suites.mjs";

const ROUTES = {
  page: join(BENCH, "page"),
  modules: MODULES,
  inglenook: PACKAGE,
  [ALONE]: PACKAGE,
  weights: WEIGHTS,
  peers: PEER_MODELS,
};

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** What a worker finds on a page that is not isolated, before its own code. */
const NOT_ISOLATED = 'Object.defineProperty(self, "crossOriginIsolated", { value: false });\n';

function resolveFile(url) {
  const [, route, ...rest] = normalize(decodeURIComponent(new URL(url, "http://bench").pathname)).split("/");
  const directory = ROUTES[route];
  const alone = route === ALONE && /worker\.js$/.test(rest.at(-1));
  return { file: directory && join(directory, ...rest), alone };
}

/**
 * Starts serving; `url` is that of `page`, and `requested` collects the files sent since it was last cleared. Of what
 * `instead` maps, the other file is sent.
 */
export async function startServer(page, { instead = new Map(), isolated = false } = {}) {
  const requested = new Set();
  const server = createServer((request, response) => {
    const { file: asked, alone } = resolveFile(request.url);
    const file = instead.get(asked) ?? asked;
    const stat = file && statSync(file, { throwIfNoEntry: false });
    if (!stat?.isFile()) return response.writeHead(404).end();
    requested.add(file);
    const script = alone ? NOT_ISOLATED + readFileSync(file, "utf8") : undefined;
    response.writeHead(200, {
      ...(isolated && ISOLATION),
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      "Content-Length": script?.length ?? stat.size,
      "Cache-Control": "max-age=3600",
    });
    if (script !== undefined) return response.end(script);
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/page/${page}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, requested, close };
}
