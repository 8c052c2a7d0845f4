import { CHAT_MODELS } from "../chat-models.js";
import { InglenookError } from "../errors.js";
import type { LanguageModelCreateCoreOptions } from "../language-model.js";
import { type ModelManifest, totalBytes } from "../manifest.js";
import { resolveHost, resolveModel } from "../models.js";
import { entryOfUrl } from "../worker/cache.js";
import type { ChatSource } from "../worker/protocol.js";

/** What `model` means: where the bytes of the model are. */
export function sourceOf({ model, modelHost }: LanguageModelCreateCoreOptions): ChatSource {
  if (model instanceof Blob) {
    return { kind: "file", file: model, name: (model as Partial<File>).name ?? "model.gguf" };
  }
  if (model instanceof URL || (typeof model === "string" && isAddress(model))) {
    return { kind: "url", ...resolved(model) };
  }
  const manifest = resolveModel(model as string | ModelManifest | undefined, CHAT_MODELS);
  return { kind: "manifest", manifest, modelHost: resolveHost(modelHost) };
}

/** What the model is called: its manifest's name, or its file's. */
export function nameOf(source: ChatSource): string {
  return source.kind === "manifest" ? source.manifest.id : source.name;
}

/** The bytes of the model's files, as far as they are known before anything is read. */
export function bytesOf(source: ChatSource): number {
  if (source.kind === "manifest") return totalBytes(source.manifest);
  return source.kind === "file" ? source.file.size : 0;
}

/** Whether nothing of the model has to be fetched. */
export async function isAtHand(source: ChatSource): Promise<boolean> {
  if (source.kind === "file") return true;
  const entries =
    source.kind === "url" ? [entryOfUrl(source.url)] : source.manifest.files.map(({ sha256 }) => sha256);
  const { areStored } = await import("../model-store.js");
  return areStored(entries);
}

/** What is the same for every source of the same bytes, as far as can be known. */
export function identityOf(source: ChatSource): unknown {
  if (source.kind === "manifest") return source.manifest.id;
  return source.kind === "url" ? source.url : source.file;
}

function isAddress(text: string): boolean {
  return /^https?:/i.test(text) || /\.gguf([?#]|$)/i.test(text);
}

function resolved(address: string | URL): { url: string; name: string } {
  try {
    const url = new URL(address, globalThis.document?.baseURI ?? location.href);
    url.hash = "";
    return { url: url.href, name: decodeURIComponent(url.pathname.split("/").at(-1) ?? "") };
  } catch (cause) {
    throw new InglenookError("invalid-input", `model is no address: ${address}.`, { cause });
  }
}
