/**
 * Makes a fresh machine ready, and finds out quickly that it already is.
 *
 * Imports nothing but Node's own modules: it runs before the npm packages are there.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT, run, StageError, say, stage } from "./stage.mjs";

const NODE = [20, 19];

/**
 * Checks Node and Rust, installs the wasm targets and the npm packages, and fetches weights.
 * @param {{ models?: readonly string[] }} [options]  ids of the models whose weights are needed
 */
export async function setup({ models = [] } = {}) {
  checkNode();
  await installRust();
  await installPackages();
  if (models.length > 0) {
    await stage("Weights", () => run(process.execPath, [join(ROOT, "models/fetch.mjs"), ...models]));
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return;
  throw new StageError(`Node ${NODE.join(".")} or later is needed, and this is ${process.versions.node}`);
}

/** The toolchain and its wasm targets, as rust-toolchain.toml names them. */
async function installRust() {
  if (!succeeds("cargo", ["--version"])) {
    throw new StageError(
      "Rust is missing: install it from https://rustup.rs, open a new terminal and try again",
    );
  }
  if (hasTarget("wasm32-unknown-unknown") && hasTarget("wasm32-wasip1")) return;
  if (!succeeds("rustup", ["--version"])) {
    throw new StageError(
      "Rust's wasm32-unknown-unknown and wasm32-wasip1 targets are missing, and so is rustup",
    );
  }
  await stage("Rust toolchain", async () => {
    // Without arguments this installs what rust-toolchain.toml names; before rustup 1.28, `show` did.
    await run("rustup", ["toolchain", "install"]).catch(() => run("rustup", ["show"]));
  });
}

function hasTarget(target) {
  const { status, stdout } = spawnSync("rustc", ["--print", "target-libdir", "--target", target], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return status === 0 && existsSync(stdout.trim());
}

/** The packages of package-lock.json. None of them needs to run a script of its own to work. */
async function installPackages() {
  const installed = join(ROOT, "node_modules/.package-lock.json");
  const lock = join(ROOT, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  await stage("npm packages", async () => {
    // Those of development too, whatever npm's configuration or NODE_ENV leaves out.
    await run("npm", ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"]);
    say("node_modules/");
  });
}

/** Whether a program exists and exits with 0. */
export function succeeds(command, args) {
  return spawnSync(command, args, { cwd: ROOT, stdio: "ignore" }).status === 0;
}
