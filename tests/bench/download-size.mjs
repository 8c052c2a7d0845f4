// What a visitor downloads besides the weights: a library's JavaScript and wasm, compressed with brotli.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { BENCH, CACHE } from "./paths.mjs";

const SCRIPTS = new Set([".js", ".mjs", ".wasm"]);

/** The brotli bytes (quality 11) of the scripts among `files`; the benchmark's own page is not counted. */
export function brotliBytes(files) {
  return files.filter(isLibrary).reduce((sum, file) => sum + compressedSize(file), 0);
}

function isLibrary(file) {
  return SCRIPTS.has(extname(file)) && !relative(BENCH, file).startsWith("page");
}

/** Large wasm files take a minute each, so sizes are remembered by hash. */
function compressedSize(file) {
  const data = readFileSync(file);
  const key = createHash("sha256").update(data).digest("hex");
  const memory = join(CACHE, "brotli.json");
  const known = existsSync(memory) ? JSON.parse(readFileSync(memory, "utf8")) : {};
  if (known[key] === undefined) {
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
    };
    known[key] = brotliCompressSync(data, { params }).length;
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(memory, JSON.stringify(known));
  }
  return known[key];
}
