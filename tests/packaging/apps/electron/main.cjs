// What docs/electron.md has, for an Electron without modules and `protocol.handle`, too.
const { app, BrowserWindow, net, protocol, session } = require("electron");
const { join, normalize, sep } = require("node:path");
const { pathToFileURL } = require("node:url");

const SITE = join(__dirname, "dist");
const HEADERS = {
  "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; script-src 'self' 'wasm-unsafe-eval'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
/** Chromium's number for it. */
const FILE_NOT_FOUND = -6;
const privileges = { standard: true, secure: true, supportFetchAPI: true, stream: true };
protocol.registerSchemesAsPrivileged([{ scheme: "app", privileges }]);

function fileOf(url) {
  const path = normalize(join(SITE, decodeURIComponent(new URL(url).pathname)));
  return path.startsWith(SITE + sep) ? path : undefined;
}

async function respond({ url }) {
  const path = fileOf(url);
  if (!path) return new Response(null, { status: 404 });
  const { body, headers } = await net.fetch(pathToFileURL(path).href);
  return new Response(body, { headers: { ...Object.fromEntries(headers), ...HEADERS } });
}

function sendFile({ url }, send) {
  const path = fileOf(url);
  send(path ? { path, headers: HEADERS } : { error: FILE_NOT_FOUND });
}

app.whenReady().then(() => {
  // `handle` came with Electron 25, and `net.fetch` with it.
  if (protocol.handle) protocol.handle("app", respond);
  else protocol.registerFileProtocol("app", sendFile);
  session.defaultSession.setSpellCheckerLanguages([]);
  return new BrowserWindow().loadURL("app://site/index.html");
});
