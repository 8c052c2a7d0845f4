/**
 * Runs a wasm32-wasip1 test program in Chromium, whose instructions are those that people's browsers have.
 *
 *     node tests/wasi-chromium.mjs PROGRAM [FILTER …]
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { ROOT } from "../web/stage.mjs";
import { CHROMIUM_FLAGS, findBrowser } from "./browsers.mjs";

const [program, ...args] = process.argv.slice(2);

/** The page: `runProgram(args)` gives the lines that were printed and the exit code. */
const SCRIPT = `
  import { ConsoleStdout, File, OpenFile, WASI } from "@bjorn3/browser_wasi_shim";
  globalThis.runProgram = async (args) => {
    const lines = [];
    const out = ConsoleStdout.lineBuffered((line) => lines.push(line));
    const wasi = new WASI(args, [], [new OpenFile(new File([])), out, out]);
    const imports = { wasi_snapshot_preview1: wasi.wasiImport };
    const { instance } = await WebAssembly.instantiateStreaming(fetch("/program.wasm"), imports);
    try {
      return { lines, code: wasi.start(instance) };
    } catch (error) {
      return { lines: [...lines, String(error)], code: 101 };
    }
  };`;

/** Serves the page and the program on this machine alone. */
async function serve() {
  const options = { bundle: true, format: "esm", write: false };
  const { outputFiles } = await build({ ...options, stdin: { contents: SCRIPT, resolveDir: ROOT } });
  const files = {
    "/": ["text/html", `<!doctype html><title>Tests</title><script type="module" src="page.js"></script>`],
    "/page.js": ["text/javascript", outputFiles[0].text],
    "/program.wasm": ["application/wasm", readFileSync(program)],
  };
  const server = createServer((request, response) => {
    const [type, content] = files[request.url] ?? [];
    response.writeHead(content ? 200 : 404, { "content-type": type ?? "text/plain" }).end(content);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const server = await serve();
const browser = await chromium.launch({ executablePath: findBrowser("chromium"), args: CHROMIUM_FLAGS });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => "runProgram" in globalThis);
  const { lines, code } = await page.evaluate((args) => globalThis.runProgram(args), [program, ...args]);
  console.log(lines.join("\n"));
  process.exitCode = code;
} finally {
  await browser.close();
  server.close();
}
