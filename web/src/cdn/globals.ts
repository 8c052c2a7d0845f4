/** What the sources take for granted in a page, where they are imported from another origin. */
export { ForeignWorker as Worker } from "./foreign-worker.js";
