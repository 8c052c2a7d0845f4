import type { Provenance } from "../../web/src/provenance.js";
import type { DeviceKind } from "../../web/src/worker/protocol.js";

/** The provenance of a model of no files on a device. */
export function provenanceOn(kind: DeviceKind, known: Partial<Provenance> = {}): Provenance {
  return {
    model: "tiny",
    address: "https://app.example/page/models/tiny/",
    files: [],
    signature: null,
    quantisation: "Q8_0",
    dtype: "f32",
    build: { version: "0.0.0", commit: null, wasm: `inglenook_${kind}.wasm`, wasmSha256: null },
    device: { kind, threads: 1, relaxedSimd: false, adapter: null },
    fallback: null,
    ...known,
  };
}
