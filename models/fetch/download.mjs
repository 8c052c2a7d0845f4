import { createWriteStream } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { FetchError } from "./manifest.mjs";
import { accept, sizeOf } from "./verify.mjs";

/**
 * @typedef {import("./progress.mjs").Reporter} Reporter
 * @typedef {import("./verify.mjs").Expected} Expected
 * @typedef {{ report: Reporter, retryDelays: readonly number[] }} DownloadOptions  Milliseconds to wait before each further attempt.
 */

/** A failure that another attempt may not meet. */
class PassingError extends Error {}

/**
 * Brings the file at `url` to `target`, complete and verified, or throws. Bytes of a broken attempt, of this run or of an
 * earlier one, stay in `<target>.part` and are not asked for again.
 * @param {string} url
 * @param {string} target
 * @param {Expected} expected
 * @param {DownloadOptions} options
 * @throws {FetchError}
 */
export async function download(url, target, expected, options) {
  const part = `${target}.part`;
  await mkdir(dirname(target), { recursive: true });
  const resumed = (await sizeOf(part)) !== undefined;
  try {
    await complete(url, part, expected, options);
    await accept(part, target, expected);
  } catch (error) {
    // The bytes of the earlier run may be the wrong ones: once more, without them.
    if (!resumed || (await sizeOf(part)) !== undefined) throw error;
    await complete(url, part, expected, options);
    await accept(part, target, expected);
  } finally {
    if ((await sizeOf(part)) === undefined) await rm(validatorOf(part), { force: true });
  }
}

/**
 * Makes attempts until `part` is complete.
 * @param {string} url
 * @param {string} part
 * @param {Expected} expected
 * @param {DownloadOptions} options
 */
async function complete(url, part, expected, { report, retryDelays }) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await proceed(url, part, expected, report);
    } catch (error) {
      const delay = retryDelays[attempt];
      if (error instanceof FetchError) throw error;
      if (!(error instanceof PassingError) || delay === undefined)
        throw new FetchError(`${url}: ${reason(error)}`);
      report.line(`${expected.path}: ${reason(error)}; trying again in ${delay / 1000} s`);
      await sleep(delay);
    }
  }
}

/**
 * One request for what `part` lacks.
 * @param {string} url
 * @param {string} part
 * @param {Expected} expected
 * @param {Reporter} report
 */
async function proceed(url, part, expected, report) {
  const have = (await sizeOf(part)) ?? 0;
  if (have > 0 && have === expected.bytes) return;
  const response = await request(url, have, await readValidator(part));
  const start = response.status === 206 ? have : 0;
  if (response.status === 206 && rangeStart(response) !== have)
    await restart(part, "the server sent another range");
  if (start === 0) await saveValidator(part, response);
  const total = expected.bytes ?? lengthOf(response, start);
  await save(response, part, start, (done) => {
    if (expected.bytes !== undefined && done > expected.bytes)
      throw new FetchError(`${url}: more than the expected ${expected.bytes} bytes`);
    report.progress(expected.path, done, total);
  });
  const got = (await sizeOf(part)) ?? 0;
  if (total !== undefined && got < total) throw new PassingError(`ended after ${got} of ${total} bytes`);
}

/**
 * @param {string} url
 * @param {number} have
 * @param {string | undefined} validator
 */
async function request(url, have, validator) {
  const headers = new Headers({ "accept-encoding": "identity" });
  if (have > 0) headers.set("range", `bytes=${have}-`);
  if (have > 0 && validator) headers.set("if-range", validator);
  const response = await fetch(url, { headers }).catch((error) => {
    throw new PassingError(reason(error));
  });
  if (response.ok) return response;
  await response.body?.cancel();
  const message = `HTTP ${response.status} ${response.statusText}`.trimEnd();
  if (response.status === 416) return refuseRange(url, have, message);
  if (response.status >= 500 || response.status === 408 || response.status === 429)
    throw new PassingError(message);
  throw new FetchError(`${url}: ${message}`);
}

/**
 * @param {string} url
 * @param {number} have
 * @param {string} message
 * @returns {Promise<Response>}
 */
function refuseRange(url, have, message) {
  if (have === 0) throw new FetchError(`${url}: ${message}`);
  return request(url, 0, undefined);
}

/**
 * @param {string} part
 * @param {string} why
 * @returns {Promise<never>}
 */
async function restart(part, why) {
  await rm(part, { force: true });
  throw new PassingError(why);
}

/**
 * Writes a body to `part` from byte `start` on; what arrived before a break stays there.
 * @param {Response} response
 * @param {string} part
 * @param {number} start
 * @param {(done: number) => void} onBytes
 */
async function save(response, part, start, onBytes) {
  let done = start;
  const counter = new Transform({
    transform(chunk, _encoding, next) {
      try {
        done += chunk.length;
        onBytes(done);
        next(null, chunk);
      } catch (error) {
        next(/** @type {Error} */ (error));
      }
    },
  });
  const body = /** @type {import("node:stream/web").ReadableStream | null} */ (response.body);
  const source = body ? Readable.fromWeb(body) : Readable.from([]);
  try {
    await pipeline(source, counter, createWriteStream(part, { flags: start > 0 ? "a" : "w" }));
  } catch (error) {
    if (error instanceof FetchError) {
      await rm(part, { force: true });
      throw error;
    }
    if (isDiskError(error)) throw error;
    throw new PassingError(`cut off after ${done} bytes (${reason(error)})`);
  }
}

/** @param {unknown} error */
function isDiskError(error) {
  return (
    error instanceof Error && "syscall" in error && (error.syscall === "open" || error.syscall === "write")
  );
}

/** @param {Response} response */
function rangeStart(response) {
  return Number(/^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1]);
}

/**
 * @param {Response} response
 * @param {number} start
 */
function lengthOf(response, start) {
  const length = response.headers.get("content-length");
  return length === null ? undefined : start + Number(length);
}

/** @param {string} part */
function validatorOf(part) {
  return `${part}.validator`;
}

/** @param {string} part */
async function readValidator(part) {
  return readFile(validatorOf(part), "utf8").catch(() => undefined);
}

/**
 * Keeps what tells this version of the file from another: only a strong one makes a range safe.
 * @param {string} part
 * @param {Response} response
 */
async function saveValidator(part, response) {
  const etag = response.headers.get("etag");
  const validator = etag && !etag.startsWith("W/") ? etag : response.headers.get("last-modified");
  await rm(validatorOf(part), { force: true });
  if (validator) await writeFile(validatorOf(part), validator);
}

/** @param {unknown} error */
function reason(error) {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
