/** What a worker of another origin begins with, so that it can start its threads. */
import { ForeignWorker } from "./foreign-worker.js";

globalThis.Worker = ForeignWorker;
