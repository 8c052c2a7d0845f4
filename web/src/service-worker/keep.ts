import { InglenookError } from "../errors.js";
import { digestOf, toHex } from "../worker/pieces.js";
import { cacheName } from "./cache-name.js";
import { withIsolation } from "./isolate.js";
import { allFiles, type SiteFile, worker } from "./site.js";

const NAME = cacheName(worker.registration.scope);

/** Keys of what was found to be right since the worker was started. */
const verified = new Set<string>();

/** The file as it is kept; `undefined` where it is not, or not as it was written. */
export async function findKept({ key, sha256 }: SiteFile): Promise<Response | undefined> {
  try {
    const find = () => caches.match(key, { cacheName: NAME });
    const found = await find();
    if (!found || verified.has(key)) return found;
    if ((await hashOf(await found.arrayBuffer())) !== sha256) return undefined;
    verified.add(key);
    return await find();
  } catch {
    return undefined;
  }
}

/**
 * Keeps every file that has to be there from the beginning, and of the others those that an earlier version had. What is
 * kept already is not fetched again. Rejects unless all of them are as the list says.
 */
export async function keepSite(): Promise<void> {
  const { has, parts } = await keptNow();
  const missing = allFiles().filter(
    (file) => !has(file) && (file.part === undefined || parts.has(file.part)),
  );
  await Promise.all(missing.map(async (file) => keep(file, await fetched(file))));
}

const pending = new Set<Promise<void>>();

/** Keeps what has come for a page; in vain where the browser has no room, or the host another version. */
export async function keepLater(file: SiteFile, response: Response): Promise<void> {
  // Not after `offline.unregister()`, which a page may outlive.
  const kept = caches.has(NAME).then((isThere) => (isThere ? keep(file, response) : undefined));
  const done = kept.catch(() => {});
  pending.add(done);
  await done;
  pending.delete(done);
}

/** Whether all is here that a visit without a network needs: the site, and a build if there are any. */
export async function isReady(): Promise<boolean> {
  await Promise.all(pending);
  const { has } = await keptNow();
  const builds = allFiles().filter(({ part = "" }) => /inglenook_[^/]*\.wasm$/.test(part));
  const isComplete = allFiles().every((file) => file.part !== undefined || has(file));
  return isComplete && (builds.length === 0 || builds.some(has));
}

/** Deletes what is no part of the site any more. */
export async function dropOthers(): Promise<void> {
  if (allFiles().length === 0) {
    await caches.delete(NAME);
    return;
  }
  const cache = await caches.open(NAME);
  const wanted = new Set(allFiles().map(({ key }) => key));
  const others = (await cache.keys()).filter(({ url }) => !wanted.has(url));
  await Promise.all(others.map((key) => cache.delete(key)));
}

async function keptNow(): Promise<{ has(file: SiteFile): boolean; parts: Set<string | null> }> {
  const keys = (await (await openCache()).keys()).map(({ url }) => url);
  const parts = new Set(keys.map((url) => new URL(url).searchParams.get("part")));
  return { has: ({ key }) => keys.includes(key), parts };
}

async function openCache(): Promise<Cache> {
  try {
    return await caches.open(NAME);
  } catch (cause) {
    throw new InglenookError("storage-denied", "The browser lets this site keep nothing.", { cause });
  }
}

async function fetched({ url, path }: SiteFile): Promise<Response> {
  try {
    return await fetch(url, { cache: "no-cache", referrerPolicy: "no-referrer" });
  } catch (cause) {
    throw new InglenookError("network", `${path} could not be fetched to be kept.`, { detail: url, cause });
  }
}

async function keep({ path, url: detail, sha256, key }: SiteFile, response: Response): Promise<void> {
  if (!response.ok) {
    const message = `The host answered ${response.status} for ${path}, so the site is not kept.`;
    throw new InglenookError("http-status", message, { detail });
  }
  const bytes = await response.arrayBuffer();
  if ((await hashOf(bytes)) !== sha256) {
    const message = `${path} is not the file that sw.js was written for, so the site is not kept: the host has files of two versions, or changes them on the way.`;
    throw new InglenookError("hash-mismatch", message, { detail });
  }
  const headers = withIsolation(response.headers);
  // The bytes are decoded; and with `Vary: *` a cache takes nothing.
  for (const name of ["Content-Encoding", "Content-Length", "Vary"]) headers.delete(name);
  try {
    await (await openCache()).put(key, new Response(bytes, { headers }));
  } catch (cause) {
    if ((cause as Error)?.name !== "QuotaExceededError") throw cause;
    throw new InglenookError("storage-full", "The browser has no room to keep the site.", { detail, cause });
  }
}

const hashOf = async (bytes: ArrayBuffer) => toHex(await digestOf(bytes));
