import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract } from "tar";
import { openPromise } from "yauzl";
import { FetchError } from "./manifest.mjs";

/**
 * Unpacks the named `members` of an archive into `directory`, under their own names, and nothing else.
 * An npm tarball's members are named without its top folder.
 * @param {string} archive  A .whl, .zip or .tgz file.
 * @param {readonly string[]} members
 * @param {string} directory
 * @throws {FetchError} when a member is missing
 */
export async function unpack(archive, members, directory) {
  const missing = new Set(members);
  if (/\.(whl|zip)$/.test(archive)) await unpackZip(archive, missing, directory);
  else await unpackTarball(archive, missing, directory);
  if (missing.size > 0) throw new FetchError(`the archive has no ${[...missing].join(", ")}`);
}

/**
 * @param {string} archive
 * @param {Set<string>} wanted  Emptied of what was found.
 * @param {string} directory
 */
async function unpackZip(archive, wanted, directory) {
  const zip = await openPromise(archive, { lazyEntries: true, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      if (!wanted.delete(entry.fileName)) continue;
      const target = join(directory, entry.fileName);
      await mkdir(dirname(target), { recursive: true });
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
    }
  } finally {
    zip.close();
  }
}

/**
 * @param {string} archive
 * @param {Set<string>} wanted  Emptied of what was found.
 * @param {string} directory
 */
async function unpackTarball(archive, wanted, directory) {
  await mkdir(directory, { recursive: true });
  await extract({
    file: archive,
    cwd: directory,
    strip: 1,
    strict: true,
    filter: (path) => wanted.delete(path.slice(path.indexOf("/") + 1)),
  });
}
