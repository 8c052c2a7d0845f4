/** What the sources take for granted in a page, under Node: the build for it puts these in the globals' places. */
import { pathToFileURL } from "node:url";

export { fetchAnywhere as fetch } from "./fetch-file.js";
export { NodeWorker as Worker } from "./node-worker.js";

/** Addresses are relative to the working directory, as they are to the document in a page. */
export const location = {
  get href(): string {
    return pathToFileURL(`${process.cwd()}/`).href;
  },
};

/** Of a machine without a GPU: the package computes on the CPU here. */
export const navigator: Partial<Navigator> = {};
