import { folderOf, readModel } from "./download.js";
import type { EmbedEngine } from "./embed-queue.js";
import { openDevice } from "./open-device.js";
import { prepared } from "./prepared.js";
import type { DeviceKind, Loaded, LoadProgress, Requests } from "./protocol.js";
import { provenanceOf } from "./provenance.js";

/** A model that is ready to work, and what it says of itself. */
export interface LoadedModel extends EmbedEngine {
  loaded: Loaded;
}

/** Chooses the device, starts the build for it, and loads the model into that. */
export async function loadModel(
  params: Requests["load"]["params"],
  { onDevice, onProgress }: { onDevice(kind: DeviceKind): void; onProgress(progress: LoadProgress): void },
): Promise<LoadedModel> {
  const { dtype: wanted, manifest, signature } = params;
  const address = folderOf(params.modelHost, manifest);
  const opened = await openDevice(params.device, onDevice);
  const { wasm, device } = opened;
  const files = new wasm.ModelFiles();
  await readModel(manifest, address, files, onProgress);
  const embedder = await prepared(device, onProgress, (tell) =>
    wasm.TextEmbedder.load(device, files, wanted, manifest.maxTokens, tell),
  );
  const { dimensions, maxTokens, dtype, stored: quantisation = null } = embedder.info();
  const model = { model: manifest.id, address, files: manifest.files, signature, quantisation, dtype };
  const provenance = await provenanceOf(opened, model);
  return { device, embedder, loaded: { dimensions, maxTokens, provenance } };
}
