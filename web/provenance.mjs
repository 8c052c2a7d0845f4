/** What a package was built from and by. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeIfChanged } from "./fingerprint.mjs";
import { ROOT } from "./stage.mjs";

/**
 * Writes `provenance.json` beside the wasm files.
 * @param {string} folder
 * @param {"release" | "fast"} profile  of the wasm files
 */
export function writeProvenance(folder, profile) {
  const { name, version } = manifest();
  const record = { name, version, ...source(), profile, toolchain: toolchain(), wasm: wasmFiles(folder) };
  writeIfChanged(join(folder, "provenance.json"), `${JSON.stringify(record, null, 2)}\n`);
}

/** What scripts know of their build: the version, and the commit that all files are of, if they are. */
export function knownToScripts() {
  const { commit, modified } = source();
  return {
    INGLENOOK_VERSION: JSON.stringify(manifest().version),
    INGLENOOK_COMMIT: JSON.stringify(modified ? null : commit),
  };
}

function manifest() {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
}

/** The commit, and whether the files differ from it; `null` outside a git repository. */
function source() {
  const commit = answer("git", "rev-parse", "HEAD");
  return {
    commit,
    modified: commit && answer("git", "status", "--porcelain", "--untracked-files=no") !== "",
  };
}

function toolchain() {
  const installed = (name) =>
    JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  return {
    rustc: answer("rustc", "--version"),
    node: process.version,
    ...Object.fromEntries(["binaryen", "esbuild", "typescript"].map((name) => [name, installed(name)])),
  };
}

function wasmFiles(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".wasm"));
  return Object.fromEntries(
    names.map((name) => {
      const bytes = readFileSync(join(folder, name));
      return [name, { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") }];
    }),
  );
}

/** What a program says, or `null` where it cannot. */
function answer(program, ...args) {
  const { status, stdout } = spawnSync(program, args, { cwd: ROOT, encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}
