import type { ProvenanceAdapter } from "../provenance.js";
import { errorOf, probeGpu } from "./gpu-probe.js";
import type { DeviceChoice, DeviceKind, Fallback } from "./protocol.js";
import { withSubgroups } from "./request-device.js";
import { type Device, hashOfRunning, startCpuWasm, startGpuWasm, startPool, type Wasm } from "./wasm.js";

/** A build that runs, and its device. */
export interface OpenDevice {
  wasm: Wasm;
  device: Device;
  kind: DeviceKind;
  fallback: Fallback | null;
  /** The GPU. */
  adapter: ProvenanceAdapter | null;
  /** The SHA-256 of the build, or `null` where it cannot be had. */
  wasmSha256: Promise<string | null>;
}

/** Chooses the device and starts the build for it. `onDevice` is told before the build is fetched. */
export async function openDevice(
  choice: DeviceChoice,
  onDevice: (kind: DeviceKind) => void,
): Promise<OpenDevice> {
  const fallback = choice === "cpu" ? null : await probeGpu();
  if (fallback && choice === "webgpu") throw errorOf(fallback);
  const kind = choice === "cpu" || fallback ? "cpu" : "webgpu";
  onDevice(kind);
  if (kind === "cpu") {
    const wasm = await startCpuWasm();
    startPool();
    const wasmSha256 = hashOfRunning();
    return { wasm, device: wasm.Device.cpu(), kind, fallback, adapter: null, wasmSha256 };
  }
  const wasm = await startGpuWasm();
  const wasmSha256 = hashOfRunning();
  const { opened: device, adapter, ...traits } = await withSubgroups(() => wasm.Device.webgpu());
  if (traits.subgroups) device.useSubgroups();
  if (traits.software) device.useFewKernels();
  return { wasm, device, kind, fallback, adapter, wasmSha256 };
}
