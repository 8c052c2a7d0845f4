import { InglenookError } from "./errors.js";

/** Bytes that a worker's memory has addresses for. What a browser really gives may be less, and is found out later. */
const ADDRESSABLE = 2 ** 32 - 1;

/** Whether files of so many bytes, all of which are in memory while a model is loaded, can be there at all. */
export function fits(bytes: number): boolean {
  return bytes <= ADDRESSABLE;
}

/** @throws {@link InglenookError} `out-of-memory` unless the files of `what` {@link fits | fit} */
export function requireRoom(what: string, bytes: number): void {
  if (fits(bytes)) return;
  const message = `${what} needs ${Math.ceil(bytes / 1e6)} MB of memory, and 4294 MB can be had.`;
  throw new InglenookError("out-of-memory", message, { detail: `${bytes}/${ADDRESSABLE}` });
}
