/** The npm package's JavaScript and declarations: `web/src` and the generated glue into `web/dist`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";
import { BUILDS } from "./build-wasm.mjs";
import { writeIfChanged } from "./fingerprint.mjs";
import { ROOT, run, StageError } from "./stage.mjs";

const DIST = join(ROOT, "web/dist");
const GENERATED = join(ROOT, "web/generated");
const TYPES = join(ROOT, "target/types/web/src");

// Every browser with WebAssembly SIMD that also has what the sources use: class static privacy, `Array.at`.
const SHARED = { bundle: true, format: "esm", minify: true, target: "es2022", logLevel: "warning" };

/** What the workers take from the glue; the rest (synchronous start, bookkeeping) is left out. */
const BINDINGS = "default, ChatModel, Device, ModelFiles, TextEmbedder, VectorIndex";
/** What they take from one build alone. */
const MORE_BINDINGS = { cpu_threads: ", failPool, joinPool, poolMemory, poolModule" };

/** What the package starts with, and what is loaded later: workers, what only language models need, and what manages the store. */
const ENTRIES = [
  ["index", "index.ts"],
  ["language-model", "language-model/create.ts"],
  ["model-store", "model-store.ts"],
  ["worker", "worker/worker.ts"],
  ["chat-worker", "worker/chat-worker.ts"],
  ["thread", "worker/thread.ts"],
];

/** Builds everything but the wasm files. */
export async function buildPackage() {
  generateErrorCodes();
  clean();
  await Promise.all([bundleSources(), bundleDelivery(), ...Object.keys(BUILDS).map(bundleGlue), declare()]);
}

function clean() {
  mkdirSync(DIST, { recursive: true });
  for (const name of readdirSync(DIST)) {
    if (!name.endsWith(".wasm")) rmSync(join(DIST, name), { recursive: true });
  }
}

// Minifying drops the comments by which bundlers are told to leave an `import(…)` of an address alone. (Putting them
// back would shift every position after them, which is why the package has no source maps.)
const LEAVE_ALONE = "/* @vite-ignore *//* webpackIgnore: true */";

async function bundleSources() {
  const { outputFiles } = await build({
    ...SHARED,
    entryPoints: Object.fromEntries(ENTRIES.map(([name, path]) => [name, join(ROOT, "web/src", path)])),
    splitting: true,
    chunkNames: "shared-[hash]",
    outdir: DIST,
    write: false,
  });
  for (const { path, text } of outputFiles) {
    writeIfChanged(path, text.replaceAll(/\bimport\((?!")/g, `$&${LEAVE_ALONE}`));
  }
}

/** What fetches model files, whole in itself: a worker loads it by its address, as it does the glue. */
async function bundleDelivery() {
  const { outputFiles } = await build({
    ...SHARED,
    entryPoints: [join(ROOT, "web/src/worker/deliver.ts")],
    outdir: DIST,
    write: false,
  });
  for (const { path, text } of outputFiles) writeIfChanged(path, text);
}

async function bundleGlue(kind) {
  const file = `inglenook_${kind}.js`;
  const { outputFiles } = await build({
    ...SHARED,
    stdin: {
      contents: `export { ${BINDINGS}${MORE_BINDINGS[kind] ?? ""} } from "./${file}"`,
      resolveDir: join(GENERATED, kind),
    },
    write: false,
  });
  const [{ text }] = outputFiles;
  // The worker says where the wasm file is. A default address would send bundlers looking for one.
  if (text.includes("_bg.wasm")) throw new StageError(`${file} names a default wasm file`);
  writeIfChanged(join(DIST, file), text);
}

/** Declarations for what `index.d.ts` reaches, and no more. */
async function declare() {
  await run(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.package.json"]);
  const wanted = [join(TYPES, "index.d.ts")];
  for (const path of wanted) {
    const text = readFileSync(path, "utf8");
    for (const [, specifier] of text.matchAll(/from "(\.[^"]+)\.js"/g)) {
      const next = join(dirname(path), `${specifier}.d.ts`);
      if (!wanted.includes(next)) wanted.push(next);
    }
    writeIfChanged(join(DIST, relative(TYPES, path)), text);
  }
}

/** `ErrorCode` is declared in Rust; the published declarations need a copy that stands alone. */
function generateErrorCodes() {
  const declarations = readFileSync(join(GENERATED, "cpu/inglenook_cpu.d.ts"), "utf8");
  const [, union] = /export type ErrorCode\s*=([^;]+);/.exec(declarations) ?? [];
  if (!union) throw new StageError("The glue declares no ErrorCode");
  const codes = [...union.matchAll(/"([a-z0-9-]+)"/g)].map(([word]) => `\n  | ${word}`);
  writeIfChanged(
    join(ROOT, "web/src/error-code.ts"),
    `// Generated from \`ErrorCode\` in crate/src/error.rs by \`npm run build\`. Do not edit.

/** What went wrong, as a word that never changes meaning. */
export type ErrorCode =${codes.join("")};
`,
  );
}

/** Whether the bindings have been generated, so that the sources can be checked. */
export function hasBindings() {
  return Object.keys(BUILDS).every((kind) => existsSync(join(GENERATED, kind, `inglenook_${kind}.d.ts`)));
}
