import { readModel } from "./download.js";
import type { EmbedEngine } from "./embed-queue.js";
import { openDevice } from "./open-device.js";
import { prepared } from "./prepared.js";
import type { DeviceKind, Loaded, LoadProgress, Requests } from "./protocol.js";

/** A model that is ready to work, and what it says of itself. */
export interface LoadedModel extends EmbedEngine {
  loaded: Loaded;
}

/** Chooses the device, starts the build for it, and loads the model into that. */
export async function loadModel(
  params: Requests["load"]["params"],
  { onDevice, onProgress }: { onDevice(kind: DeviceKind): void; onProgress(progress: LoadProgress): void },
): Promise<LoadedModel> {
  const { wasm, device, placed } = await openDevice(params.device, onDevice);
  const files = new wasm.ModelFiles();
  await readModel(params, files, onProgress);
  const { dtype: wanted, manifest } = params;
  const embedder = await prepared(device, onProgress, (tell) =>
    wasm.TextEmbedder.load(device, files, wanted, manifest.maxTokens, tell),
  );
  const { dimensions, maxTokens, dtype } = embedder.info();
  return { device, embedder, loaded: { ...placed, dimensions, maxTokens, dtype } };
}
