/** The npm package's JavaScript and declarations: `web/src` and the generated glue into `web/dist`. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";
import { BUILDS } from "./build-wasm.mjs";
import { writeIfChanged } from "./fingerprint.mjs";
import { writeLicences } from "./licences.mjs";
import { knownToScripts, writeProvenance } from "./provenance.mjs";
import { ROOT, run, StageError } from "./stage.mjs";

const DIST = join(ROOT, "web/dist");
const GENERATED = join(ROOT, "web/generated");
const TYPES = join(ROOT, "target/types/web/src");

// Every browser with WebAssembly SIMD that also has what the sources use: class static privacy, `Array.at`.
const SHARED = { bundle: true, format: "esm", minify: true, target: "es2022", logLevel: "warning" };

/** What the workers take from the glue; the rest (synchronous start, bookkeeping) is left out. */
const BINDINGS = "default, ChatModel, Device, ModelFiles, TextEmbedder, VectorIndex";
/** What they take from one build alone. */
const MORE_BINDINGS = { cpu_threads: ", failPool, helpPool, joinPool, poolBell, poolMemory, poolModule" };

/**
 * What the package starts with, and what is loaded later: workers, what only language models need, what manages the
 * store, what keeps a site, and a manifest that few ask for.
 */
const ENTRIES = [
  ["index", "index.ts"],
  ["language-model", "language-model/create.ts"],
  ["model-store", "model-store.ts"],
  ["offline-site", "offline-site.ts"],
  ["minilm-f32", "minilm-f32.ts"],
  ["worker", "worker/worker.ts"],
  ["chat-worker", "worker/chat-worker.ts"],
];

/**
 * A thread, what fetches model files and what verifies signatures, each whole in itself: a thread asks for no more files
 * than it must when the model is there, and the others are loaded by their address, as the glue is.
 */
const ALONE = [
  ["thread", "worker/thread.ts"],
  ["deliver", "worker/deliver.ts"],
  ["signature", "signature/verify-model.ts"],
];

/**
 * The same for where there is no page of the package's own origin: what the sources take for granted is replaced by what
 * `globals.ts` exports, and in Node workers start with one more file.
 */
const ELSEWHERE = [
  { folder: "node", platform: "node", entries: { node: "index.ts", "node-worker": "node/bootstrap.ts" } },
  { folder: "cdn", platform: "browser", entries: { cdn: "index.ts" } },
];

/**
 * Builds everything but the wasm files, and says what the package was built from.
 * @param {"release" | "fast"} [profile]  of the wasm files
 */
export async function buildPackage(profile = "release") {
  generateErrorCodes();
  clean();
  await Promise.all([
    bundleSources(),
    bundleServiceWorker(),
    ...ALONE.map(bundleAlone),
    ...ELSEWHERE.map(bundleElsewhere),
    ...Object.keys(BUILDS).map(bundleGlue),
    bundleCommand(),
    declare(),
  ]);
  writeProvenance(DIST, profile);
  writeLicences(join(DIST, "THIRD-PARTY-LICENCES.txt"));
}

function clean() {
  mkdirSync(DIST, { recursive: true });
  for (const name of readdirSync(DIST)) {
    if (!name.endsWith(".wasm")) rmSync(join(DIST, name), { recursive: true });
  }
}

// By these comments bundlers are told to leave an `import(…)` of an address alone. Minifying drops them: so they go through
// it as an operand of the same length, which keeps the positions that the source maps tell.
const LEAVE_ALONE = "/* @vite-ignore */ /* webpackIgnore: true */";
const OPERAND = `${"$".padEnd(LEAVE_ALONE.length - 2, "_")}&&`;

const keepComments = {
  name: "keep-comments",
  setup({ onLoad }) {
    onLoad({ filter: /web[/\\]src[/\\].*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll(LEAVE_ALONE, OPERAND),
      loader: "ts",
    }));
  },
};

const SPLIT = { splitting: true, plugins: [keepComments], sourcemap: "linked", outdir: DIST, write: false };

async function bundleSources() {
  const { outputFiles } = await build({
    ...SHARED,
    entryPoints: Object.fromEntries(ENTRIES.map(([name, path]) => [name, join(ROOT, "web/src", path)])),
    define: knownToScripts(),
    ...SPLIT,
    chunkNames: "shared-[hash]",
  });
  writeScripts(outputFiles);
}

async function bundleElsewhere({ folder, platform, entries }) {
  const sources = join(ROOT, "web/src");
  const { outputFiles } = await build({
    ...SHARED,
    entryPoints: Object.fromEntries(
      Object.entries(entries).map(([name, path]) => [name, join(sources, path)]),
    ),
    platform,
    inject: [join(sources, folder, "globals.ts")],
    ...SPLIT,
    chunkNames: `${folder}-[hash]`,
  });
  writeScripts(outputFiles);
}

function writeScripts(outputFiles) {
  for (const { path, text } of outputFiles) {
    const script = text.replaceAll(OPERAND, LEAVE_ALONE);
    if (path.endsWith(".js") && /\bimport\((?!"|\/\*)/.test(script)) {
      throw new StageError(`${path} imports an address and does not tell bundlers to leave it alone`);
    }
    writeIfChanged(path, script);
  }
}

async function bundleAlone([name, path]) {
  const { outputFiles } = await build({
    ...SHARED,
    entryPoints: { [name]: join(ROOT, "web/src", path) },
    ...SPLIT,
    splitting: false,
  });
  writeScripts(outputFiles);
}

/** The body of `sw.js`, to which `inglenook offline` adds the site's files: a classic script, which every browser takes. */
async function bundleServiceWorker() {
  const { outputFiles } = await build({
    ...SHARED,
    format: "iife",
    entryPoints: { "offline-worker": join(ROOT, "web/src/service-worker/main.ts") },
    outdir: DIST,
    write: false,
  });
  writeScripts(outputFiles);
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

/** The command line, with what it needs to unpack archives: the package itself depends on nothing. */
async function bundleCommand() {
  await build({
    entryPoints: { cli: join(ROOT, "web/cli/main.ts") },
    outdir: DIST,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    minify: true,
    // For packages that are CommonJS.
    banner: {
      js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
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
  const source = readFileSync(join(ROOT, "crate/src/error.rs"), "utf8");
  const [, body] = /pub enum ErrorCode \{([^}]+)\}/.exec(source) ?? [];
  if (!body) throw new StageError("crate/src/error.rs declares no ErrorCode");
  const variants = [...body.matchAll(/((?:\/\/\/ .+\n\s*)+)(\w+),/g)];
  const codes = variants.map(([, comment, name]) => {
    const meaning = comment.replaceAll("///", "").replace(/\s+/g, " ").trim();
    return `\n  /** ${meaning} */\n  | "${kebab(name)}"`;
  });
  writeIfChanged(
    join(ROOT, "web/src/error-code.ts"),
    `// Generated from \`ErrorCode\` in crate/src/error.rs by \`npm run build\`. Do not edit.

/** What went wrong, as a word that never changes meaning. */
export type ErrorCode =${codes.join("")};
`,
  );
}

/** A variant's name as it crosses the boundary. */
function kebab(name) {
  return name.replace(/\B[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

/** Whether the bindings have been generated, so that the sources can be checked. */
export function hasBindings() {
  return Object.keys(BUILDS).every((kind) => existsSync(join(GENERATED, kind, `inglenook_${kind}.d.ts`)));
}
