import { InglenookError } from "./errors.js";

/**
 * Whether files of so many bytes, all of which are in memory while a model is loaded, can be there at all: a worker's
 * memory has addresses of 32 bits. What a browser really gives may be less, and is found out later.
 */
export const fits = (bytes: number): boolean => bytes < 2 ** 32;

/** @throws {@link InglenookError} `out-of-memory` unless the files of `what` {@link fits | fit} */
export function requireRoom(what: string, bytes: number): void {
  if (fits(bytes)) return;
  const message = `${what} needs ${Math.ceil(bytes / 1e6)} MB of memory, and 4294 MB can be had.`;
  throw new InglenookError("out-of-memory", message, { detail: `${bytes}/4294967295` });
}
