import { InglenookError } from "./errors.js";
import type { ModelName, StoredModel, StoreEstimate } from "./stored-models.js";
import { deleteCached, findSeal, openCache, sealedEntries } from "./worker/cache.js";
import {
  deleteFiles,
  fileNameOf,
  lockOf,
  openFolder,
  PIECES,
  RECORD,
  readRecord,
  type StoredRecord,
} from "./worker/opfs.js";
import { PIECE } from "./worker/pieces.js";
import { findStored } from "./worker/stored.js";

/** A file of the store. */
interface Entry {
  name: string;
  record: StoredRecord;
  /** Bytes of it that are there. */
  bytes: number;
  remove(): Promise<boolean>;
}

/** Whether all of these are in the store, whole. */
export async function areStored(entries: string[]): Promise<boolean> {
  const found = await Promise.all(entries.map(findStored));
  return found.every(Boolean);
}

/** See `models.list`. */
export async function list(): Promise<StoredModel[]> {
  const entries = await allEntries();
  return [...new Set(entries.flatMap(namesOf))].map((model) => describe(model, entries));
}

/** See `models.info`. */
export async function info(model: ModelName): Promise<StoredModel> {
  return describe(nameOf(model), await allEntries());
}

/** See `models.remove`. */
export async function remove(model: ModelName): Promise<boolean> {
  const entries = belongingTo(nameOf(model), await allEntries());
  const removed = await Promise.all(entries.map(removeAlone));
  return removed.includes(true);
}

/** See `models.persist`. */
export async function persist(): Promise<boolean> {
  await openStores();
  return (await navigator.storage?.persist?.()) ?? false;
}

/** See `models.estimate`. */
export async function estimate(): Promise<StoreEstimate> {
  const { folder } = await openStores();
  const { storage } = navigator;
  const [found, persisted] = await Promise.all([storage?.estimate?.(), storage?.persisted?.()]);
  return {
    place: folder ? "file-system" : "cache",
    models: sum(await allEntries(), ({ bytes }) => bytes),
    usage: found?.usage,
    quota: found?.quota,
    persisted: persisted ?? false,
  };
}

function nameOf(model: ModelName): string {
  if (typeof model !== "string") return model instanceof URL ? model.href : model.id;
  return /^https?:|\.gguf([?#]|$)/i.test(model)
    ? new URL(model, globalThis.document?.baseURI ?? location.href).href
    : model;
}

function describe(model: string, all: Entry[]): StoredModel {
  // What belongs to a model and is none of its files counts as 0 bytes: its signature.
  const entries = belongingTo(model, all).filter(({ record }) => record.models?.[model] !== 0);
  const used = Math.max(...entries.map(({ record }) => record.usedAt ?? 0), 0);
  const bytesTotal = Math.max(...entries.map(({ record }) => record.models?.[model] ?? record.bytes), 0);
  const complete = sum(entries, ({ record }) => (record.complete ? record.bytes : 0));
  return {
    model,
    bytes: sum(entries, ({ bytes }) => bytes),
    bytesTotal,
    complete: entries.length > 0 && complete >= bytesTotal,
    usedAt: used > 0 ? new Date(used) : undefined,
  };
}

function belongingTo(model: string, entries: Entry[]): Entry[] {
  return entries.filter((entry) => namesOf(entry).includes(model));
}

function namesOf({ name, record }: Entry): string[] {
  return record.models ? Object.keys(record.models) : [name];
}

/** The places where models are stored. */
async function openStores(): Promise<{
  folder: FileSystemDirectoryHandle | undefined;
  cache: Cache | undefined;
}> {
  const [folder, cache] = await Promise.all([openFolder(), openCache()]);
  if (folder || cache) return { folder, cache };
  const message =
    "The browser lets this page store nothing: leave the private window, allow the page to store data, or serve it " +
    "over HTTPS.";
  throw new InglenookError("storage-denied", message);
}

async function allEntries(): Promise<Entry[]> {
  const { folder, cache } = await openStores();
  const files = folder ? await entriesOfFolder(folder) : [];
  const cached = cache ? await entriesOfCache(cache) : [];
  return [...files, ...cached.filter((entry) => !files.some(({ name }) => name === entry.name))];
}

async function entriesOfFolder(folder: FileSystemDirectoryHandle): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const file of folder.keys()) {
    if (!file.endsWith(RECORD)) continue;
    const name = file.slice(0, -RECORD.length);
    const record = await readRecord(folder, name);
    if (!record) continue;
    const bytes = record.complete ? record.bytes : await bytesHere(folder, name, record);
    found.push({ name, record, bytes, remove: () => deleteFiles(folder, name) });
  }
  return found;
}

const DIGEST = 32;

/** Bytes of the pieces that have come of a file: each has its hash beside it, where others have zeros. */
async function bytesHere(
  folder: FileSystemDirectoryHandle,
  name: string,
  { bytes }: StoredRecord,
): Promise<number> {
  try {
    const file = await (await folder.getFileHandle(name + PIECES)).getFile();
    const digests = new Uint8Array(await file.arrayBuffer());
    let here = 0;
    for (let piece = 0; piece * DIGEST < digests.length; piece++) {
      const isThere = digests.subarray(piece * DIGEST, (piece + 1) * DIGEST).some(Boolean);
      if (isThere) here += Math.max(0, Math.min(PIECE, bytes - piece * PIECE));
    }
    return here;
  } catch {
    return 0;
  }
}

async function entriesOfCache(cache: Cache): Promise<Entry[]> {
  const entries = (await sealedEntries(cache)).map(async (entry) => {
    const record = (await findSeal(cache, entry)) ?? { bytes: 0, complete: false };
    const remove = () => deleteCached(cache, entry);
    return { name: await fileNameOf(entry), record, bytes: record.bytes, remove };
  });
  return Promise.all(entries);
}

/** Removes a file when nobody fetches it any more. */
async function removeAlone({ name, remove }: Entry): Promise<boolean> {
  return navigator.locks ? navigator.locks.request(lockOf(name), remove) : remove();
}

function sum<T>(items: T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}
