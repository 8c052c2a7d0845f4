import { errorOf, probeGpu } from "./gpu-probe.js";
import type { DeviceChoice, DeviceKind, Placed } from "./protocol.js";
import { withSubgroups } from "./request-device.js";
import { type Device, startCpuWasm, startGpuWasm, startPool, type Wasm } from "./wasm.js";

/** A build that runs, and its device. */
export interface OpenDevice {
  wasm: Wasm;
  device: Device;
  placed: Placed;
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
  const placed = { device: kind, fallback } as const;
  if (kind === "cpu") {
    const wasm = await startCpuWasm();
    startPool();
    return { wasm, device: wasm.Device.cpu(), placed };
  }
  const wasm = await startGpuWasm();
  const { opened: device, ...traits } = await withSubgroups(() => wasm.Device.webgpu());
  if (traits.subgroups) device.useSubgroups();
  if (traits.software) device.useFewKernels();
  return { wasm, device, placed };
}
