// A loopback server for one benchmark run. Pages are not cross-origin isolated: every engine has one thread.
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { BENCH, MODULES, PACKAGE, PEER_MODELS, WEIGHTS } from "./paths.mjs";

const ROUTES = {
  page: join(BENCH, "page"),
  modules: MODULES,
  inglenook: PACKAGE,
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

function resolveFile(url) {
  const [, route, ...rest] = normalize(decodeURIComponent(new URL(url, "http://bench").pathname)).split("/");
  const directory = ROUTES[route];
  return directory && join(directory, ...rest);
}

/**
 * Starts serving; `url` is that of `page`, and `requested` collects the files sent since it was last cleared. Of what
 * `instead` maps, the other file is sent.
 */
export async function startServer(page, instead = new Map()) {
  const requested = new Set();
  const server = createServer((request, response) => {
    const asked = resolveFile(request.url);
    const file = instead.get(asked) ?? asked;
    const stat = file && statSync(file, { throwIfNoEntry: false });
    if (!stat?.isFile()) return response.writeHead(404).end();
    requested.add(file);
    response.writeHead(200, {
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      "Content-Length": stat.size,
      "Cache-Control": "max-age=3600",
    });
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
