import { describe, expect, it } from "vitest";
import { entriesOf } from "../../web/demo/src/view/provenance-view";
import { provenanceOn } from "./fake-provenance.js";

const HASH = "ab".repeat(32);

describe("what ran, in words", () => {
  it("names the model, its files, the code and the device", () => {
    const provenance = provenanceOn("cpu", {
      files: [{ path: "tiny.gguf", bytes: 25_000_000, sha256: HASH }],
      signature: { algorithm: "Ed25519", key: HASH },
      dtype: "q8",
      build: { version: "0.1.0", commit: "c0ffee", wasm: "inglenook_cpu_threads.wasm", wasmSha256: HASH },
      device: { kind: "cpu", threads: 2, relaxedSimd: true, adapter: null },
    });
    expect(entriesOf(provenance)).toEqual([
      ["Model", "tiny", "https://app.example/page/models/tiny/"],
      ["File", "tiny.gguf, 25.0 MB", `SHA-256 ${HASH}`],
      ["Signature", `Ed25519 key ${HASH}`],
      ["Weights", "mostly Q8_0, multiplied in eight bits"],
      ["Code", "Inglenook 0.1.0, commit c0ffee"],
      ["Wasm", "inglenook_cpu_threads.wasm", `SHA-256 ${HASH}`],
      ["Device", "CPU, 2 threads, relaxed SIMD"],
    ]);
  });

  it("says what is not known", () => {
    const adapter = { vendor: "acme", architecture: null, device: null, description: null };
    const device = { kind: "webgpu", threads: 1, relaxedSimd: false, adapter } as const;
    const entries = entriesOf(provenanceOn("webgpu", { address: null, quantisation: null, device }));
    expect(entries).toEqual([
      ["Model", "tiny", "a file from your disk"],
      ["Signature", "none was asked for"],
      ["Weights", "multiplied in f32"],
      ["Code", "Inglenook 0.0.0, commit not known"],
      ["Wasm", "inglenook_webgpu.wasm", "not hashed on this page"],
      ["Device", "WebGPU: acme"],
    ]);
    const silent = { ...adapter, vendor: null };
    const last = entriesOf(provenanceOn("webgpu", { device: { ...device, adapter: silent } })).at(-1);
    expect(last).toEqual(["Device", "WebGPU; the browser does not say which"]);
  });
});
