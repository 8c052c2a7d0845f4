/** Rust to wasm: cargo and wasm-bindgen through xtask, then wasm-opt, each only when its inputs changed. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fingerprint, unlessCurrent, writeIfChanged } from "./fingerprint.mjs";
import { shortenNames } from "./short-names.mjs";
import { clock, ROOT, run, say, stage } from "./stage.mjs";

// A kernel that is inlined into its only caller, and that into its own, shares the registers of all of them.
const FAST = ["-O3", "--one-caller-inline-max-function-size=100"];

/** The builds, and what wasm-opt aims at: speed where the work is done, size where the GPU does it. */
export const BUILDS = {
  cpu: { optimise: FAST },
  cpu_relaxed: { optimise: [...FAST, "--enable-relaxed-simd"] },
  cpu_threads: { optimise: [...FAST, "--enable-relaxed-simd", "--enable-threads"] },
  gpu: { optimise: ["-Os"] },
};

const FEATURES = [
  "--enable-simd",
  "--enable-bulk-memory",
  "--enable-nontrapping-float-to-int",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-reference-types",
  "--enable-multivalue",
];

const SOURCES = [
  "crate/src",
  "crate/Cargo.toml",
  "crate/build.rs",
  "crate/xtask",
  "Cargo.toml",
  "Cargo.lock",
  "rust-toolchain.toml",
  ".cargo/config.toml",
].map((path) => join(ROOT, path));

/**
 * Makes `web/dist/inglenook_<kind>.wasm` and the glue in `web/generated/<kind>/`.
 * @param {keyof typeof BUILDS} kind
 * @param {"release" | "fast"} profile  `fast` compiles in a fraction of the time, and is not optimised
 */
export async function buildWasm(kind, profile) {
  const bindings = await compile(kind, profile);
  const compiled = join(bindings, `inglenook_${kind}_bg.wasm`);
  const optimised = profile === "fast" ? compiled : await optimise(kind, compiled);
  const glue = readFileSync(join(bindings, `inglenook_${kind}.js`), "utf8");
  const short = shortenNames(readFileSync(optimised), glue);
  const generated = join(ROOT, "web/generated", kind);
  writeIfChanged(join(generated, `inglenook_${kind}.js`), short.glue);
  writeIfChanged(
    join(generated, `inglenook_${kind}.d.ts`),
    readFileSync(join(bindings, `inglenook_${kind}.d.ts`)),
  );
  writeIfChanged(join(ROOT, "web/dist", `inglenook_${kind}.wasm`), short.wasm);
}

/**
 * Makes a wasm file like the one that ships, and its glue, whose functions have their names; for a profiler.
 * @param {keyof typeof BUILDS} kind
 * @returns {Promise<{ wasm: Buffer, glue: string }>}
 */
export async function buildNamedWasm(kind) {
  const bindings = await compile(kind, "release", ["--names"]);
  const optimised = await optimise(kind, join(bindings, `inglenook_${kind}_bg.wasm`), ["--debuginfo"]);
  return shortenNames(readFileSync(optimised), readFileSync(join(bindings, `inglenook_${kind}.js`), "utf8"));
}

/** Compiles and makes the bindings; returns their folder. */
async function compile(kind, profile, options = []) {
  const folder = join("target/bindgen", [profile, ...options].join(""), kind);
  const step = {
    stamp: join(ROOT, folder, "fingerprint"),
    fingerprint: fingerprint(SOURCES, kind, profile),
    outputs: ["js", "d.ts"].map((end) => join(ROOT, folder, `inglenook_${kind}.${end}`)),
  };
  const args = ["run", "-q", "-p", "xtask", "--", "build", kind, "--profile", profile, "--out", folder];
  args.push(...options);
  const ran = await unlessCurrent(step, () =>
    stage(`Compiling the ${kind} build (${profile})`, async () => {
      if (profile === "release")
        say("Whole-program optimisation: several minutes when nothing is built yet.");
      await run("cargo", args);
    }),
  );
  if (!ran) say(`${kind}: up to date`);
  return join(ROOT, folder);
}

/** Runs wasm-opt, or finds what it made of the same input before; returns the result's path. */
async function optimise(kind, input, options = []) {
  const flags = [...BUILDS[kind].optimise, ...FEATURES, ...options];
  const { version } = JSON.parse(readFileSync(join(ROOT, "node_modules/binaryen/package.json"), "utf8"));
  const hash = createHash("sha256").update(readFileSync(input));
  const key = hash.update(`${version} ${flags.join(" ")}`).digest("hex");
  const folder = join(ROOT, "target/wasm-opt-cache");
  const output = join(folder, `${key}.wasm`);
  if (existsSync(output)) return output;
  mkdirSync(folder, { recursive: true });
  await stage(`wasm-opt ${BUILDS[kind].optimise.join(" ")} on the ${kind} build`, async () => {
    const before = performance.now();
    const beat = setInterval(() => say(`still optimising, ${clock(performance.now() - before)}`), 30_000);
    try {
      await run(process.execPath, [
        join(ROOT, "node_modules/binaryen/bin/wasm-opt"),
        input,
        ...flags,
        "-o",
        `${output}.part`,
      ]);
    } finally {
      clearInterval(beat);
    }
    renameSync(`${output}.part`, output);
  });
  return output;
}
