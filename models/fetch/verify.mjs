import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { FetchError } from "./manifest.mjs";

/**
 * What a file has to be. `path` names it in messages; an archive's size is not known beforehand.
 * @typedef {{ path: string, bytes?: number, sha256: string, piecesSha256?: string }} Expected
 */

/** Bytes of the pieces that a file is hashed in for browsers. */
const PIECE = 1 << 18;

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
 * The SHA-256 of the SHA-256s of a file's pieces, in lower-case hexadecimal.
 * @param {string} path
 */
async function piecesSha256(path) {
  const hash = createHash("sha256");
  let [piece, filled] = [createHash("sha256"), 0];
  for await (const chunk of createReadStream(path)) {
    for (let at = 0, end; at < chunk.length; at = end) {
      end = Math.min(chunk.length, at + PIECE - filled);
      piece.update(chunk.subarray(at, end));
      filled += end - at;
      if (filled < PIECE) continue;
      hash.update(piece.digest());
      [piece, filled] = [createHash("sha256"), 0];
    }
  }
  if (filled > 0) hash.update(piece.digest());
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
export async function mismatch(path, expected) {
  const bytes = await sizeOf(path);
  if (bytes === undefined) return "is missing";
  if (expected.bytes !== undefined && bytes !== expected.bytes)
    return `is ${bytes} bytes, expected ${expected.bytes}`;
  const hash = await sha256(path);
  if (hash !== expected.sha256) return `has sha256 ${hash}, expected ${expected.sha256}`;
  const pieces = expected.piecesSha256 && (await piecesSha256(path));
  if (pieces !== expected.piecesSha256)
    return `has pieces of sha256 ${pieces}, expected ${expected.piecesSha256}`;
  return undefined;
}
