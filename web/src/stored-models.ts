import type { ModelManifest } from "./manifest.js";

/** A model in the browser's storage. */
export interface StoredModel {
  /** Its name, or the address that its file came from. Of files that an earlier version stored, their hash. */
  model: string;
  /** Bytes that are here. */
  bytes: number;
  /** Bytes of all its files; 0 where nothing is here. */
  bytesTotal: number;
  /** Whether nothing of it would have to be fetched. */
  complete: boolean;
  /** When it was last loaded or fetched; `undefined` where nothing is here or it is not known. */
  usedAt: Date | undefined;
}

/** How much the browser lets this origin store, in bytes. */
export interface StoreEstimate {
  /** Where models are kept: the origin private file system, or the Cache API where a browser has no other. */
  place: "file-system" | "cache";
  /** Of models. */
  models: number;
  /** Of everything that this origin stores, as the browser estimates it; `undefined` where it does not. */
  usage: number | undefined;
  /** The most that it may store, likewise. */
  quota: number | undefined;
  /** Whether the browser has promised not to delete it when it is short of room. */
  persisted: boolean;
}

/** A model: its name or manifest, or the address of its file. */
export type ModelName = string | URL | ModelManifest;

const store = () => import("./model-store.js");

/**
 * The models in the browser's storage.
 *
 * Everything rejects with {@link InglenookError} `storage-denied` where the browser lets this page store nothing, as
 * some do in private windows.
 *
 * @example
 * ```ts
 * import { Embedder, models } from "inglenook";
 *
 * const embedder = await Embedder.create();
 * for (const { model, bytes, complete } of await models.list()) console.log(model, bytes, complete);
 * const { usage, quota, persisted } = await models.estimate();
 * console.log(`${usage} of ${quota} bytes, ${persisted ? "kept for good" : "as long as there is room"}`);
 * console.log(await models.remove(embedder.model)); // true
 * embedder.destroy();
 * ```
 */
export const models = {
  /** All of them, also those of which only a part has come. */
  list: async (): Promise<StoredModel[]> => (await store()).list(),
  /** What is here of one. */
  info: async (model: ModelName): Promise<StoredModel> => (await store()).info(model),
  /**
   * Deletes one, with the files that it shares with others; waits for a download of it to end. One that is loaded goes
   * on working.
   *
   * @returns whether there was one
   */
  remove: async (model: ModelName): Promise<boolean> => (await store()).remove(model),
  /** Asks the browser to keep what is stored even when it is short of room; whether it will. */
  persist: async (): Promise<boolean> => (await store()).persist(),
  /** How much is stored, and how much may be. */
  estimate: async (): Promise<StoreEstimate> => (await store()).estimate(),
};
