/**
 * Measures what a page downloads, and fails when it is over budget.
 *
 *     node web/size.mjs
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import { command, ROOT, StageError } from "./stage.mjs";

/**
 * Bytes after brotli; all files of a group together. The JavaScript is counted by what a page loads: with an embedder
 * or an index, or with a language model, in either case with the larger of the two builds' glue; and, loaded when they are
 * needed, what fetches a model that is not stored, what verifies signatures, what tells and changes what is stored, and what
 * keeps a site. The service worker has the list of the site's files besides.
 */
export const BUDGETS = [
  { name: "CPU build", files: /^inglenook_cpu\.wasm$/, budget: 800_000 },
  { name: "CPU build, relaxed SIMD", files: /^inglenook_cpu_relaxed\.wasm$/, budget: 800_000 },
  { name: "CPU build, threads", files: /^inglenook_cpu_threads\.wasm$/, budget: 800_000 },
  { name: "WebGPU build", files: /^inglenook_gpu.*\.wasm$/, budget: 2_200_000 },
  { name: "JavaScript to embed", files: /^(index|shared-.*|worker|inglenook_gpu)\.js$/, budget: 17_500 },
  {
    name: "JavaScript to chat",
    files: /^(index|shared-.*|language-model|chat-worker|inglenook_gpu)\.js$/,
    budget: 23_500,
  },
  { name: "JavaScript to fetch a model", files: /^deliver\.js$/, budget: 7_500 },
  { name: "JavaScript to verify signatures", files: /^signature\.js$/, budget: 4_000 },
  { name: "JavaScript of models", files: /^model-store\.js$/, budget: 2_000 },
  { name: "JavaScript of offline", files: /^offline-site\.js$/, budget: 1_500 },
  { name: "Service worker", files: /^offline-worker\.js$/, budget: 2_500 },
];

const DIST = join(ROOT, "web/dist");
const CACHE = join(ROOT, "target/brotli-sizes.json");

/**
 * Prints a table of a folder's files and their budgets.
 * @param {string} [folder]
 * @param {typeof BUDGETS} [budgets]
 * @returns {Promise<void>} rejects with a StageError when a group is missing or over its budget
 */
export async function checkSizes(folder = DIST, budgets = BUDGETS) {
  const known = existsSync(CACHE) ? JSON.parse(readFileSync(CACHE, "utf8")) : {};
  const rows = [];
  const complaints = [];
  for (const { name, files, budget } of budgets) {
    const names = readdirSync(folder).filter((file) => files.test(file));
    const measured = await Promise.all(names.map((file) => measure(folder, file, known)));
    const total = measured.reduce((sum, { brotli }) => sum + brotli, 0);
    rows.push(...measured, { file: name, brotli: total, budget });
    if (names.length === 0) complaints.push(`${name}: no file`);
    if (total > budget) complaints.push(`${name}: ${total - budget} bytes over its budget of ${budget}`);
  }
  mkdirSync(join(ROOT, "target"), { recursive: true });
  writeFileSync(CACHE, JSON.stringify(known));
  print(rows);
  if (complaints.length > 0) throw new StageError(`Size budget: ${complaints.join("; ")}`);
}

/** Compressing megabytes at the highest quality takes most of a minute: known contents are not measured again. */
async function measure(folder, file, known) {
  const content = readFileSync(join(folder, file));
  const key = createHash("sha256").update(content).digest("hex");
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  known[key] ??= (await promisify(brotliCompress)(content, { params })).length;
  return { file: `  ${file}`, bytes: content.length, brotli: known[key] };
}

function print(rows) {
  const cell = (value, width = 12) => (value?.toLocaleString("en-GB") ?? "").padStart(width);
  console.log(`   ${"".padEnd(26)}${cell("bytes")}${cell("brotli")}${cell("budget")}`);
  for (const { file, bytes, brotli, budget } of rows) {
    const share = budget ? `  ${Math.round((100 * brotli) / budget)} %` : "";
    console.log(`   ${file.padEnd(26)}${cell(bytes)}${cell(brotli)}${cell(budget)}${share}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await command(checkSizes);
