// Brings what the benchmark needs and the repository does not hold: the peers' packages, and weights.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BENCH, MANIFESTS, ROOT, WEIGHTS } from "./paths.mjs";

/** Installs the peers once; their install scripts fetch binaries that a browser never runs, so they stay off. */
export function installPeers() {
  installPackages(BENCH, "the peers (about 300 MB, once)");
}

/** Installs what `folder` depends on, unless it is there. */
export function installPackages(folder, what) {
  const installed = join(folder, "node_modules/.package-lock.json");
  const wanted = join(folder, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  console.error(`bench: installing ${what}`);
  const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    stdio: "inherit",
  });
  if (npm.status !== 0) throw new Error(`npm ci failed in ${folder}`);
}

/** What a model consists of, as its manifest says. */
export function readManifest(model) {
  return JSON.parse(readFileSync(join(MANIFESTS, `${model}.json`), "utf8"));
}

/** Has the weights fetched and verified, as `npm run models` does. */
export function fetchWeights(model) {
  if (readManifest(model).files.every(({ path }) => existsSync(join(WEIGHTS, model, path)))) return;
  const fetch = spawnSync("node", [join(ROOT, "models/fetch.mjs"), model], { cwd: ROOT, stdio: "inherit" });
  if (fetch.status !== 0) throw new Error(`the weights of ${model} could not be fetched`);
}
