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
  const { name, version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const record = { name, version, ...source(), profile, toolchain: toolchain(), wasm: wasmFiles(folder) };
  writeIfChanged(join(folder, "provenance.json"), `${JSON.stringify(record, null, 2)}\n`);
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
