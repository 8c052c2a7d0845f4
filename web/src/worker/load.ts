import { readModel } from "./download.js";
import type { EmbedEngine } from "./embed-queue.js";
import { orFault } from "./gpu-fault.js";
import { errorOf, probeGpu } from "./gpu-probe.js";
import type { DeviceKind, Loaded, LoadProgress, Requests } from "./protocol.js";
import { startCpuWasm, startGpuWasm } from "./wasm.js";

/** A model that is ready to work, and what it says of itself. */
export interface LoadedModel extends EmbedEngine {
  loaded: Loaded;
}

/** Chooses the device, starts the build for it, and loads the model into that. */
export async function loadModel(
  params: Requests["load"]["params"],
  { onDevice, onProgress }: { onDevice(kind: DeviceKind): void; onProgress(progress: LoadProgress): void },
): Promise<LoadedModel> {
  const fallback = params.device === "cpu" ? null : await probeGpu();
  if (fallback && params.device === "webgpu") throw errorOf(fallback);
  const kind = params.device === "cpu" || fallback ? "cpu" : "webgpu";
  onDevice(kind);
  const { wasm, device } = await open(kind);
  const files = new wasm.ModelFiles();
  await readModel(params, files, onProgress);
  const embedder = await orFault(device, wasm.TextEmbedder.load(device, files, params.manifest.maxTokens));
  const { dimensions, maxTokens } = embedder.info();
  return { device, embedder, loaded: { device: kind, fallback, dimensions, maxTokens } };
}

async function open(kind: DeviceKind) {
  if (kind === "cpu") {
    const wasm = await startCpuWasm();
    return { wasm, device: wasm.Device.cpu() };
  }
  const wasm = await startGpuWasm();
  return { wasm, device: await wasm.Device.webgpu() };
}
