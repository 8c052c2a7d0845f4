import type { Page } from "playwright-core";
import { expect } from "vitest";
import type { Embedder, ModelManifest } from "../../../web/src/index.js";
import { tinyChats, tinyLlama } from "../../browser/harness/chats.js";
import type { Chromium, OpenPage } from "../../browser/harness/chromium.js";
import { largestDifference, normalised, tinyBert } from "../../browser/harness/goldens.js";
import { hostModel, tinyGguf } from "../../browser/harness/models.js";
import { whole } from "../../browser/harness/replies.js";
import type { TestServer } from "../../browser/harness/server.js";
import "../../browser/harness/page.js";
import { CHAT_FILE, CHAT_KEY, CHAT_SIGNATURE } from "./models.js";

// What a check leaves in the page.
declare global {
  var embedder: Embedder;
}

/**
 * Opens the app that `server` serves, and has it embed and chat on the CPU: the answers are the goldens', nothing goes
 * against the policy, and the workers and their threads are those of the app's own origin.
 */
export async function expectRightAnswers(
  chromium: Chromium,
  server: TestServer,
  path = "",
): Promise<OpenPage> {
  const opened = await chromium.open(server, path);
  const { page, errors } = opened;
  await expectVectors(page, hostModel(server, tinyGguf()), `${server.url}models/`);
  server.answer(`/${CHAT_FILE}`, whole(tinyLlama("model-q8_0.gguf")));
  server.answer("/models/model.sig", whole(CHAT_SIGNATURE));
  await expectAnswer(page, `${server.url}${CHAT_FILE}`);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(errors).toEqual([]);
  expect(server.refused).toEqual([]);
  expect(server.violations).toEqual([]);
  return opened;
}

/** Has the page embed with the tiny model, with `threads` where there are processors for them; needs `expose.js` there. */
export async function expectVectors(
  page: Page,
  model: ModelManifest,
  modelHost: string,
  { threads = true } = {},
): Promise<void> {
  const golden = normalised(tinyBert("tiny-bert-cls", "model-f32.gguf"));
  const { vectors, processors } = await page.evaluate(
    async ([model, modelHost, texts]) => {
      globalThis.embedder = await inglenook.Embedder.create({ model, modelHost, device: "cpu" });
      const vectors = await embedder.embed(texts);
      return { vectors: vectors.map((vector) => [...vector]), processors: navigator.hardwareConcurrency };
    },
    [model, modelHost, golden.texts] as const,
  );
  expect(largestDifference(vectors, golden.vectors)).toBeLessThan(1e-5);
  // A thread that cannot be started is not missed by the answers.
  if (threads && processors > 1) await expect.poll(() => page.workers().length).toBeGreaterThan(1);
  await page.evaluate(() => embedder.destroy());
}

/** Has the page chat with the tiny model at an address, whose signature it verifies. */
export async function expectAnswer(page: Page, address: string, publicKey = CHAT_KEY): Promise<void> {
  const [chat] = tinyChats();
  if (!chat) throw new Error("There is no golden chat.");
  const answer = await page.evaluate(
    async ([model, publicKey, messages, maxTokens]) => {
      const session = await inglenook.LanguageModel.create({
        model,
        publicKey,
        device: "cpu",
        temperature: 0,
        maxTokens,
      });
      const answer = await session.prompt(messages);
      session.destroy();
      return answer;
    },
    [address, publicKey, chat.messages, chat.tokens] as const,
  );
  expect(answer).toBe(chat.answer);
}
