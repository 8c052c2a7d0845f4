/**
 * Runs every test, from a fresh clone if need be, and stops at the first stage that fails.
 *
 *     npm test
 *     npm test -- --large    only what reads larger models, whose weights it fetches
 *     npm run check          only what needs no finished build and no browser
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setup } from "../web/setup.mjs";
import { clock, command, ROOT, run, StageError, say, stage } from "../web/stage.mjs";
import { findBrowser, installBrowsers, softwareVulkan } from "./browsers.mjs";

const WASM = ["-p", "inglenook", "--lib", "--target", "wasm32-unknown-unknown"];
/** Whose weights the tests read. */
const MODELS = ["all-minilm-l6-v2-q8_0", "all-minilm-l6-v2", "smollm2-135m-instruct"];
const LARGE_MODELS = ["qwen2.5-coder-0.5b-instruct", "gemma-3-270m"];
const CHAT = ["-p", "inglenook", "--test", "chat_parity", "--test", "hostile_gguf"];
const DENY_WARNINGS = ["--", "-D", "warnings"];
const PROGRAMS = [
  "tsconfig.json",
  "tsconfig.worker.json",
  "tsconfig.tests.json",
  "tsconfig.scripts.json",
  "tsconfig.node.json",
];

/** Tests counted so far, over all runners. */
const totals = { passed: 0, failed: 0 };
const startedAt = performance.now();

function runPackage(path, ...args) {
  return run(process.execPath, [join(ROOT, "node_modules", path), ...args]);
}

async function lint() {
  await run("cargo", ["fmt", "--all", "--check"]);
  await runPackage("@biomejs/biome/bin/biome", "ci", "--error-on-warnings", ".");
}

async function clippy() {
  await run("cargo", ["clippy", "-q", "--workspace", "--all-targets", ...DENY_WARNINGS]);
  // The GPU build is the CPU build and more.
  await run("cargo", ["clippy", "-q", ...WASM, "--features", "gpu", ...DENY_WARNINGS]);
}

async function types() {
  for (const program of PROGRAMS) await runPackage("typescript/bin/tsc", "-p", program);
}

/** The types of the glue come from the compiler: without any, there is nothing to check the sources against. */
async function generateBindings() {
  const { BUILDS, buildWasm } = await import("../web/build-wasm.mjs");
  for (const kind of Object.keys(BUILDS)) await buildWasm(kind, "fast");
}

function cargoTest(...args) {
  return run("cargo", ["test", ...args], { onLine: countTests });
}

/** All of them, those of kernels on a GPU too, which the processor plays. */
async function rustTests() {
  const vulkan = softwareVulkan();
  if (!vulkan) {
    say("skipped: what needs a GPU, since no Chromium brings one for Vulkan");
    return cargoTest("--workspace");
  }
  const env = { ...vulkan, INGLENOOK_NEEDS_GPU: "1" };
  await run("cargo", ["test", "--workspace", "--features", "inglenook/gpu"], { env, onLine: countTests });
}

function countTests(line) {
  const [, passed, failed] = /^test result: .* (\d+) passed; (\d+) failed/.exec(line) ?? [];
  totals.passed += Number(passed ?? 0);
  totals.failed += Number(failed ?? 0);
}

/** The kernels with the instructions of relaxed SIMD, which Node 20 has not, and Chromium has. */
async function relaxedKernels() {
  if (!findBrowser("chromium")) return say("skipped: there is no Chromium");
  const args = ["rustc", "-p", "inglenook", "--lib", "--profile", "test", "--target", "wasm32-wasip1"];
  const format = "--message-format=json-render-diagnostics";
  const options = { cwd: ROOT, encoding: "utf8", stdio: ["inherit", "pipe", "inherit"], maxBuffer: 1 << 26 };
  const { status, stdout } = spawnSync(
    "cargo",
    [...args, format, "--", "-C", "target-feature=+relaxed-simd"],
    options,
  );
  const [, program] = /"executable":("[^"]+")/.exec(stdout) ?? [];
  if (status !== 0 || !program) throw new StageError("cargo rustc failed");
  const runner = join(ROOT, "tests/wasi-chromium.mjs");
  await run(process.execPath, [runner, JSON.parse(program), "kernels"], { onLine: countTests });
}

async function vitest(project) {
  const report = join(ROOT, "target/test-results", `${project}.json`);
  mkdirSync(join(ROOT, "target/test-results"), { recursive: true });
  rmSync(report, { force: true });
  try {
    await runPackage(
      "vitest/vitest.mjs",
      "run",
      "--project",
      project,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    );
  } finally {
    if (existsSync(report)) {
      const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
      totals.passed += numPassedTests;
      totals.failed += numFailedTests;
    }
  }
}

async function check() {
  const { hasBindings } = await import("../web/build-package.mjs");
  if (!hasBindings()) await stage("Bindings", generateBindings);
  await stage("Types", types);
  await stage("Rust unit tests", () => cargoTest("--workspace", "--lib", "--bins"));
  await stage("Unit tests", () => vitest("unit"));
}

async function everything() {
  const { buildAll } = await import("../web/build.mjs");
  await stage("Rust tests", rustTests);
  await stage("Kernels in WebAssembly", () =>
    cargoTest("-p", "inglenook", "--lib", "--target", "wasm32-wasip1", "kernels"),
  );
  await stage("Kernels with relaxed SIMD", relaxedKernels);
  await stage("Chat in WebAssembly", () =>
    cargoTest(...CHAT, "--target", "wasm32-wasip1", "--", "--nocapture"),
  );
  await buildAll();
  await stage("Types", types);
  await stage("Unit tests", () => vitest("unit"));
  await stage("Browser tests", () => vitest("browser"));
  await stage("Packaging tests", () => vitest("packaging"));
}

/** What is ignored elsewhere, since it needs hundreds of megabytes of weights. */
async function large() {
  const ignored = ["--", "--ignored", "--nocapture"];
  await stage("Tokens of larger models", () =>
    cargoTest("-p", "inglenook", "--test", "tokenizer_parity", ...ignored),
  );
  await stage("Larger models in WebAssembly", () =>
    cargoTest("-p", "inglenook", "--test", "chat_parity", "--target", "wasm32-wasip1", ...ignored),
  );
}

await command(async () => {
  const { values } = parseArgs({ options: { check: { type: "boolean" }, large: { type: "boolean" } } });
  try {
    if (values.large) {
      await setup({ models: LARGE_MODELS });
      await large();
      return;
    }
    await setup({ models: values.check ? [] : MODELS });
    if (!values.check) await stage("Browsers", installBrowsers);
    await stage("Formatting and lints", lint);
    await stage("Clippy", clippy);
    await (values.check ? check() : everything());
  } finally {
    console.log(`\nTime: ${clock(performance.now() - startedAt)}`);
    console.log(`${totals.passed} passed, ${totals.failed} failed`);
  }
});
