import type { ErrorCode } from "../error-code.js";
import type { InglenookError } from "../errors.js";
import { forgetSource, readSource } from "./chat-source.js";
import type { ChatEngine } from "./chat-task.js";
import { foreseeing } from "./foresee.js";
import { openDevice } from "./open-device.js";
import { prepared } from "./prepared.js";
import type { ChatLoaded, DeviceKind, LoadProgress, Requests } from "./protocol.js";

/** A language model that is ready to work, and what it says of itself. */
export interface LoadedChat extends ChatEngine {
  loaded: ChatLoaded;
}

const NO_MODEL: ReadonlySet<ErrorCode> = new Set(["malformed-file", "unsupported-file"]);

/** Chooses the device, starts the build for it, and loads the language model into that. */
export async function loadChat(
  { source, device: choice, contextWindow }: Requests["chat-load"]["params"],
  { onDevice, onProgress }: { onDevice(kind: DeviceKind): void; onProgress(progress: LoadProgress): void },
): Promise<LoadedChat> {
  const { wasm, device, placed } = await openDevice(choice, onDevice);
  const files = new wasm.ModelFiles();
  const sink = foreseeing(files, () => wasm.ChatModel.foresee(device, files));
  await readSource(source, sink, onProgress);
  try {
    const model = await prepared(device, onProgress, (tell) =>
      wasm.ChatModel.load(device, files, contextWindow, tell),
    );
    return { device, model, loaded: { ...placed, contextWindow: model.info().contextWindow } };
  } catch (error) {
    if (NO_MODEL.has((error as InglenookError)?.code)) await forgetSource(source);
    throw error;
  }
}
