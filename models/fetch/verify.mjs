import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { FetchError } from "./manifest.mjs";

/**
 * What a file has to be. `path` names it in messages; an archive's size is not known beforehand.
 * @typedef {{ path: string, bytes?: number, sha256: string }} Expected
 */

/**
 * The SHA-256 of a file in lower-case hexadecimal, read as a stream.
 * @param {string} path
 */
export async function sha256(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/**
 * The size of a file in bytes, undefined where there is none.
 * @param {string} path
 */
export async function sizeOf(path) {
  return (await stat(path).catch(() => undefined))?.size;
}

/**
 * Whether the file at `path` is there and is the expected one.
 * @param {string} path
 * @param {Expected} expected
 */
export async function isVerified(path, expected) {
  return (await mismatch(path, expected)) === undefined;
}

/**
 * Moves a finished `part` to `target` if it is the expected file, and deletes it otherwise.
 * @param {string} part
 * @param {string} target
 * @param {Expected} expected
 * @throws {FetchError} naming what was expected and what came
 */
export async function accept(part, target, expected) {
  const difference = await mismatch(part, expected);
  if (difference === undefined) return rename(part, target);
  await rm(part, { force: true });
  throw new FetchError(`${expected.path} ${difference}; deleted`);
}

/**
 * How a file differs from the expected one.
 * @param {string} path
 * @param {Expected} expected
 */
async function mismatch(path, expected) {
  const bytes = await sizeOf(path);
  if (bytes === undefined) return "is missing";
  if (expected.bytes !== undefined && bytes !== expected.bytes)
    return `is ${bytes} bytes, expected ${expected.bytes}`;
  const hash = await sha256(path);
  return hash === expected.sha256 ? undefined : `has sha256 ${hash}, expected ${expected.sha256}`;
}
