import type { ErrorRecord } from "../errors.js";

/** What a page asks the worker, with a port for the answer, which is `true` or `false`. */
export interface PageMessage {
  /**
   * `ready`: whether the site works without a network; the page comes under the worker's control. `apply`: asks a version
   * that waits to take over; whether it does, since no other page is open.
   */
  inglenook: "ready" | "apply";
}

/** What a worker that could not be installed says to every page. */
export interface InstallFailure {
  inglenook: "install-failed";
  error: ErrorRecord;
}
