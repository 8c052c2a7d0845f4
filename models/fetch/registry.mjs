import { spawn } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { download } from "./download.mjs";
import { FetchError } from "./manifest.mjs";

/**
 * @typedef {import("./download.mjs").DownloadOptions} DownloadOptions
 * @typedef {import("./manifest.mjs").RegistrySource} RegistrySource
 * @typedef {readonly string[]} Command  A program and its leading arguments.
 * @typedef {DownloadOptions & { pips: readonly Command[], pythonIndex: string }} RegistryOptions
 */

const { PIP_INDEX_URL } = process.env;

/** How pip may be called; the first that answers is taken. */
const PIPS = [["pip"], ["pip3"], ["python3", "-m", "pip"], ["python", "-m", "pip"], ["py", "-m", "pip"]];

/** The Python Package Index in its plain form, which every mirror has. */
const PYTHON_INDEX = PIP_INDEX_URL || "https://pypi.org/simple";

/** What {@link fetchArchive} usually takes, but for the report. */
export const REGISTRY_DEFAULTS = {
  retryDelays: [1000, 2000, 4000],
  pips: PIPS,
  pythonIndex: PYTHON_INDEX,
};

/**
 * Brings the archive of a package into `directory`, through the registry's own client where there is one.
 * @param {RegistrySource} source
 * @param {string} directory
 * @param {RegistryOptions} options
 * @returns {Promise<string>} the archive's path
 * @throws {FetchError}
 */
export async function fetchArchive(source, directory, options) {
  await mkdir(directory, { recursive: true });
  if (source.registry === "npm") return packWithNpm(source, directory);
  const pip = await firstThatRuns(options.pips);
  if (pip) {
    try {
      return await downloadWithPip(pip, source, directory, options.report.interactive);
    } catch (error) {
      if (!(error instanceof FetchError)) throw error;
      options.report.line(`${error.message}; trying the package index itself`);
    }
  }
  return downloadWheel(source, directory, options);
}

/**
 * @param {RegistrySource} source
 * @param {string} directory
 */
async function packWithNpm(source, directory) {
  const spec = `${source.package}@${source.version}`;
  await succeed(["npm"], ["pack", spec, "--silent", "--ignore-scripts", "--pack-destination", directory]);
  return findFile(directory, ".tgz");
}

/**
 * @param {Command} pip
 * @param {RegistrySource} source
 * @param {string} directory
 * @param {boolean} visible  Whether pip may draw its own progress.
 */
async function downloadWithPip(pip, source, directory, visible) {
  const python = source.pythonVersion ? ["--python-version", source.pythonVersion] : [];
  const manner = ["--disable-pip-version-check", "--no-input", ...(visible ? [] : ["--quiet"])];
  const only = ["--no-deps", "--only-binary=:all:", ...python];
  const spec = `${source.package}==${source.version}`;
  await succeed(pip, ["download", ...manner, ...only, "--dest", directory, spec], visible);
  return findFile(directory, ".whl");
}

/**
 * Reads the index's page of the package and downloads the wheel, resuming a broken download.
 * @param {RegistrySource} source
 * @param {string} directory
 * @param {RegistryOptions} options
 */
async function downloadWheel(source, directory, options) {
  const project = source.package.toLowerCase().replace(/[-_.]+/g, "-");
  const page = `${options.pythonIndex.replace(/\/$/, "")}/${project}/`;
  const wheel = findWheel(await readText(page), page, project, source.version);
  if (!wheel) throw new FetchError(`${page} lists no wheel of version ${source.version} with a sha256`);
  const target = join(directory, wheel.name);
  await download(wheel.url, target, { path: wheel.name, sha256: wheel.sha256 }, options);
  return target;
}

/**
 * The wheel of a version among the links of an index page; one for any platform before another.
 * @param {string} html
 * @param {string} page  Base of relative links.
 * @param {string} project  Normalised name.
 * @param {string} version
 */
export function findWheel(html, page, project, version) {
  const prefix = `${project.replaceAll("-", "_")}-${version}-`;
  const wheels = [
    ...html.matchAll(/<a\b[^>]*?\bhref="([^"#]+)#sha256=([0-9a-f]{64})"[^>]*>\s*([^<]+?)\s*<\/a>/gi),
  ]
    .map(([, href = "", sha256 = "", name = ""]) => ({
      url: new URL(href.replaceAll("&amp;", "&"), page).href,
      sha256,
      name,
    }))
    .filter(({ name }) => /^[\w.+-]+\.whl$/.test(name) && name.toLowerCase().startsWith(prefix));
  return wheels.find(({ name }) => name.endsWith("-none-any.whl")) ?? wheels[0];
}

/** @param {string} url */
async function readText(url) {
  const response = await fetch(url, { headers: { accept: "text/html" } }).catch((error) => {
    throw new FetchError(`${url}: ${error.cause?.message ?? error.message}`);
  });
  if (!response.ok) throw new FetchError(`${url}: HTTP ${response.status}`);
  return response.text();
}

/**
 * @param {string} directory
 * @param {string} ending
 */
async function findFile(directory, ending) {
  const name = (await readdir(directory)).find((entry) => entry.endsWith(ending));
  if (!name) throw new FetchError(`the package has no ${ending} file`);
  return join(directory, name);
}

/** @param {readonly Command[]} commands */
async function firstThatRuns(commands) {
  for (const command of commands) if ((await run(command, ["--version"])).ok) return command;
  return undefined;
}

/**
 * @param {Command} command
 * @param {readonly string[]} more
 * @param {boolean} [visible]
 */
async function succeed(command, more, visible) {
  const { ok, stderr } = await run(command, more, visible);
  const last = stderr.trim().split("\n").at(-1);
  if (!ok) throw new FetchError(`${[...command, more[0]].join(" ")} failed: ${last || "it said nothing"}`);
}

/**
 * Runs a program to its end; one that cannot be started is a failure like any other.
 * @param {Command} command
 * @param {readonly string[]} more
 * @param {boolean} [visible]  Whether its output is shown.
 * @returns {Promise<{ ok: boolean, stderr: string }>}
 */
function run([program = "", ...first], more, visible = false) {
  // On Windows npm and pip may be batch files, which only a shell starts.
  const shell = process.platform === "win32";
  const child = spawn(program, [...first, ...more], {
    shell,
    stdio: ["ignore", visible ? "inherit" : "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ ok: false, stderr: error.message }));
    child.on("close", (code) => resolve({ ok: code === 0, stderr }));
  });
}
