/** The licences of what is compiled or bundled into the package, and is not its own. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import satisfies from "spdx-satisfies";
import { writeIfChanged } from "./fingerprint.mjs";
import { ROOT, StageError } from "./stage.mjs";

/** What the command line is bundled with. */
const BUNDLED = ["tar", "yauzl"];
const TARGET = "wasm32-unknown-unknown";

/** Licences that ask for no more than their text, which the list has. */
const ALLOWED = [
  "0BSD",
  "Apache-2.0",
  "Apache-2.0 WITH LLVM-exception",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BSL-1.0",
  "CC0-1.0",
  "ISC",
  "MIT",
  "Unicode-3.0",
  "Unlicense",
  "Zlib",
];
/**
 * MPL-2.0 asks that the source of its own files can be had, changed or not, and of nothing else. The files of these crates
 * are as they were published, and the list says where. A new one wants to be looked at.
 */
const MPL_CRATES = ["buildid", "colored"];
const TEXTS = /^(licen[cs]e|copying|notice|copyright|unlicense)/i;

/**
 * Writes every package with its licence, and after that every text of a licence once, with the packages that carry it.
 * @param {string} path
 */
export function writeLicences(path) {
  const packages = [...crates(), ...BUNDLED.flatMap((name) => npmPackages(name))];
  const unique = [...new Map(packages.map((one) => [one.name, one])).values()];
  unique.sort((a, b) => (a.name < b.name ? -1 : 1));
  checkLicences(unique);
  const texts = new Map();
  for (const { name, folder } of unique) {
    for (const text of licenceTexts(folder)) texts.set(text, [...(texts.get(text) ?? []), name]);
  }
  const list = unique.map(({ name, licence, address }) => `${name}: ${licence} (${address})`);
  const sections = [...texts].map(([text, names]) => `${"─".repeat(80)}\n${names.join(", ")}\n\n${text}`);
  writeIfChanged(path, `${list.join("\n")}\n\n${sections.join("\n\n")}\n`);
}

/**
 * @param {readonly { name: string, licence?: string | null | undefined }[]} packages  names with versions, licences as SPDX expressions
 * @throws {StageError} where one has no licence, or one that is not allowed
 */
export function checkLicences(packages) {
  const refused = packages.filter(({ name, licence }) => !isAllowed(name.split(" ")[0], licence));
  if (refused.length === 0) return;
  const list = refused.map(({ name, licence }) => `${name} (${licence ?? "none"})`).join(", ");
  throw new StageError(`Licences that are not allowed, see web/licences.mjs: ${list}`);
}

function isAllowed(name, licence) {
  // Older crates have a slash for OR.
  const expression = licence?.replaceAll("/", " OR ");
  try {
    return satisfies(expression, MPL_CRATES.includes(name) ? [...ALLOWED, "MPL-2.0"] : ALLOWED);
  } catch {
    return false;
  }
}

/** The crates that are linked into the wasm files: no build scripts, no macros, no tests. */
function crates() {
  const edges = ["--target", TARGET, "--features", "gpu", "--edges", "normal,no-proc-macro"];
  const tree = cargo("tree", "-p", "inglenook", ...edges, "--prefix", "none", "--format", "{p}");
  const linked = new Set(tree.split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
  const { packages } = JSON.parse(cargo("metadata", "--format-version", "1", "--filter-platform", TARGET));
  return packages
    .filter(({ name, version, source }) => source !== null && linked.has(`${name} v${version}`))
    .map(({ name, version, license, repository, manifest_path }) => ({
      name: `${name} ${version}`,
      licence: license,
      address: repository ?? `https://crates.io/crates/${name}`,
      folder: dirname(manifest_path),
    }));
}

function cargo(...args) {
  const options = { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 };
  const { status, stdout, stderr } = spawnSync("cargo", [...args, "--locked"], options);
  if (status !== 0) throw new StageError(`cargo ${args[0]} failed: ${stderr}`);
  return stdout;
}

/** A package of `node_modules`, and what it depends on. */
function npmPackages(name) {
  const folder = join(ROOT, "node_modules", name);
  const {
    version,
    license,
    dependencies = {},
  } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const itself = {
    name: `${name} ${version}`,
    licence: license,
    address: `https://www.npmjs.com/package/${name}`,
    folder,
  };
  return [itself, ...Object.keys(dependencies).flatMap((other) => npmPackages(other))];
}

function licenceTexts(folder) {
  const names = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && TEXTS.test(entry.name),
  );
  return names.map(({ name }) => readFileSync(join(folder, name), "utf8").replaceAll("\r\n", "\n").trim());
}
