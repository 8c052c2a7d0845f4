// Where the benchmark finds what it measures, and where it keeps what it makes.
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const BENCH = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(BENCH, "../..");

export const PACKAGE = join(ROOT, "web/dist");
export const WEIGHTS = join(ROOT, "models/weights");
export const MANIFESTS = join(ROOT, "models/manifests");
export const MODULES = join(BENCH, "node_modules");
export const CACHE = join(ROOT, "target/bench");
export const PEER_MODELS = join(CACHE, "models");
