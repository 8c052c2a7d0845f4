/**
 * What a worker thread starts with: it becomes enough of a Web Worker for the package's workers, and loads the one that
 * it is for.
 */
import { parentPort, workerData } from "node:worker_threads";
import { fetchAnywhere } from "./fetch-file.js";

const events = new EventTarget();

Object.assign(globalThis, {
  self: globalThis,
  addEventListener: events.addEventListener.bind(events),
  postMessage: (message: unknown, transfer: ArrayBuffer[]) => parentPort?.postMessage(message, transfer),
  fetch: fetchAnywhere,
});
// Node has none of these or less than a browser, Deno more: no GPU, and no cache for files that lie on the disk.
Object.defineProperties(globalThis, { navigator: { value: {} }, caches: { value: undefined } });

await import(/* @vite-ignore */ /* webpackIgnore: true */ workerData);

// From here on errors are the worker's own matter; before, they end the thread, which the page notices.
const dispatch = (type: string, detail: object) =>
  events.dispatchEvent(Object.assign(new Event(type), detail));
process.on("uncaughtException", (error) => dispatch("error", { error }));
process.on("unhandledRejection", (reason) => dispatch("unhandledrejection", { reason }));
// What has come meanwhile was kept until now.
parentPort?.on("message", (data) => self.onmessage?.(new MessageEvent("message", { data })));
