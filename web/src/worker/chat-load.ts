import type { ErrorCode } from "../error-code.js";
import type { InglenookError } from "../errors.js";
import { addressOf, forgetSource, readSource } from "./chat-source.js";
import type { ChatEngine } from "./chat-task.js";
import { foreseeing } from "./foresee.js";
import { openDevice } from "./open-device.js";
import { prepared } from "./prepared.js";
import type { ChatLoaded, ChatSource, DeviceKind, LoadProgress, Requests } from "./protocol.js";
import { type LoadedFrom, provenanceOf } from "./provenance.js";
import type { ChatInfo } from "./wasm.js";

/** A language model that is ready to work, and what it says of itself. */
export interface LoadedChat extends ChatEngine {
  loaded: ChatLoaded;
}

const NO_MODEL: ReadonlySet<ErrorCode> = new Set(["malformed-file", "unsupported-file"]);

/** Chooses the device, starts the build for it, and loads the language model into that. */
export async function loadChat(
  { source, device: choice, contextWindow, signature }: Requests["chat-load"]["params"],
  { onDevice, onProgress }: { onDevice(kind: DeviceKind): void; onProgress(progress: LoadProgress): void },
): Promise<LoadedChat> {
  const opened = await openDevice(choice, onDevice);
  const { wasm, device } = opened;
  const files = new wasm.ModelFiles();
  const sink = foreseeing(files, () => wasm.ChatModel.foresee(device, files));
  await readSource(source, sink, onProgress);
  try {
    const model = await prepared(device, onProgress, (tell) =>
      wasm.ChatModel.load(device, files, contextWindow, tell),
    );
    const provenance = await provenanceOf(opened, { ...knownOf(source, model.info()), signature });
    return { device, model, loaded: { contextWindow: model.info().contextWindow, provenance } };
  } catch (error) {
    if (NO_MODEL.has((error as InglenookError)?.code)) await forgetSource(source);
    throw error;
  }
}

/** What is known of a model that was read. */
function knownOf(
  source: ChatSource,
  { bytes, sha256 = "", stored, dtype }: ChatInfo,
): Omit<LoadedFrom, "signature"> {
  const { model, files } =
    source.kind === "manifest"
      ? { model: source.manifest.id, files: source.manifest.files }
      : { model: source.name, files: [{ path: source.name, bytes, sha256 }] };
  return { model, address: addressOf(source), files, quantisation: stored ?? null, dtype };
}
