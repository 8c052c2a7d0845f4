// Runs a wasm32-wasip1 test program under Node. The repository, by the name that the compiler knew it by, and the
// working directory are opened to it, and nothing else.
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { WASI } from "node:wasi";

// With V8's fast calls, Node 20 corrupts its heap when memory grows between calls of WASI.
setFlagsFromString("--no-turbo-fast-api-calls");

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [program, ...args] = process.argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: [program, ...args],
  preopens: { ".": ".", [root]: root },
});
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
