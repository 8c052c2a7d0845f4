/** How an application goes on when there is a new version of it. */
export interface OfflineUpdate {
  /**
   * Puts the new version in the place of the running one, and reloads the page: what the page holds in memory, such as
   * sessions, is gone.
   *
   * @returns `false` where nothing was done, since another window or tab shows the site
   */
  apply(): Promise<boolean>;
}

/** What `offline.register` takes beside the address. */
export interface OfflineOptions {
  /** A new version is here, complete, and waits: until `apply`, or until no page of the site is open any more. */
  onupdate?: ((update: OfflineUpdate) => void) | undefined;
}

/** A site that its service worker keeps. */
export interface OfflineSite {
  /**
   * Whether the next visit needs no network for the site itself: its files are here, and a build of the package that was
   * used. `availability` of a model tells the same of its weights.
   */
  isReady(): Promise<boolean>;
}

const site = () => import("./offline-site.js");

/**
 * Keeps a site in the browser by the service worker that `inglenook offline` writes, so that it works without a network.
 *
 * @example
 * ```ts
 * import { offline } from "inglenook";
 *
 * const site = await offline.register("sw.js", {
 *   onupdate: async (update) => {
 *     if (!(await update.apply())) console.log("Close the other tabs first.");
 *   },
 * });
 * console.log(await site.isReady()); // true when the next visit needs no network
 * ```
 */
export const offline = {
  /**
   * Starts the service worker at `url`, relative to the page; resolves when the page is under its control. A model that is
   * created before has a build that is not kept until the next visit. A page that the host does not isolate is isolated at
   * its next load.
   *
   * Rejects with {@link InglenookError}: `storage-denied` where there are no service workers (an insecure context, some
   * private windows, Node), `http-status` or `malformed-file` where `url` is no script, `invalid-input` where the script is
   * not for this page, `worker` where it does not start or removes itself (`inglenook offline --remove`), and, if the site
   * could not be kept, `network`, `http-status`, `hash-mismatch`, `storage-full` or `storage-denied`. The page works all the
   * same.
   */
  register: async (url: string | URL = "sw.js", options: OfflineOptions = {}): Promise<OfflineSite> =>
    (await site()).register(url, options),
  /**
   * Ends what `register` has begun, and deletes what it keeps; models stay.
   *
   * @returns whether there was anything
   */
  unregister: async (url: string | URL = "sw.js"): Promise<boolean> => (await site()).unregister(url),
};
