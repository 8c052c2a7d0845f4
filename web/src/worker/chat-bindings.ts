/** What the wasm builds offer for language models. */
import type { ChatMessage, ChatOptions } from "./protocol.js";
import type { Device } from "./wasm.js";

export interface ChatInfo {
  architecture: string;
  name?: string;
  contextWindow: number;
  trainedContext: number;
  parameters: number;
  layers: number;
  hasTemplate: boolean;
  sha256?: string;
}

export type ChatStep =
  | { kind: "prefill"; done: number; total: number }
  | { kind: "text"; text: string; tokens: number }
  | {
      kind: "done";
      reason: "end" | "stop" | "max-tokens" | "context-full" | "appended";
      promptTokens: number;
      reusedTokens: number;
      generatedTokens: number;
    };

export interface ChatJob {
  dropped(): number;
  step(model: ChatModel, session: ChatSession, chunk: number): Promise<ChatStep>;
  free(): void;
}

export interface ChatSession {
  fork(): ChatSession;
  usage(): number;
  free(): void;
}

export interface ChatModel {
  info(): ChatInfo;
  session(): ChatSession;
  count(messages: ChatMessage[], generate: boolean): number;
  plan(messages: ChatMessage[], options: ChatOptions & { keep: number }): ChatJob;
  free(): void;
}

export interface ChatBindings {
  ChatModel: {
    load(device: Device, files: object, contextWindow?: number): Promise<ChatModel>;
  };
}
