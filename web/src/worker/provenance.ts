import type { Provenance } from "../provenance.js";
import type { OpenDevice } from "./open-device.js";
import { running } from "./wasm.js";

// Put in by the build: the package's version, and the commit that it was built from.
declare const INGLENOOK_VERSION: string;
declare const INGLENOOK_COMMIT: string | null;

/** What is known of a model itself. */
export type LoadedFrom = Omit<Provenance, "build" | "device" | "fallback">;

/** What is known of a model that was loaded, with what it runs in and on. */
export async function provenanceOf(
  { kind, fallback, adapter, wasmSha256 }: OpenDevice,
  model: LoadedFrom,
): Promise<Provenance> {
  const { file: wasm, relaxedSimd, threads } = running;
  return {
    ...model,
    build: { version: INGLENOOK_VERSION, commit: INGLENOOK_COMMIT, wasm, wasmSha256: await wasmSha256 },
    device: { kind, threads, relaxedSimd, adapter },
    fallback,
  };
}
