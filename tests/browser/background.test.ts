import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { OWN_PATH, TINY } from "./harness/chat-page.js";
import { SMOL } from "./harness/chats.js";
import { hasChromium } from "./harness/chromium.js";
import { FileHost } from "./harness/file-host.js";
import { lowestCosine, miniLm, pick } from "./harness/goldens.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { status } from "./harness/replies.js";
import { FAST_TIMERS, TestServer } from "./harness/server.js";
import { Tabs } from "./harness/tabs.js";

const FILE = readFileSync(join(ROOT, "models/weights/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf"));
const GOLDEN = pick(miniLm(), [0, 18]);
const HALF = Math.floor(FILE.length / 2);
/** At a token a second, to which browsers slow down the timers of hidden pages, a test would take too long. */
const TOKENS = 200;

/** What the tests leave in the page between two scripts. */
interface Held {
  pieces: string[];
  answering: Promise<{ answer: string; perSecond: number }>;
}

/** In the page: begins a long answer, and keeps its pieces. */
async function beginAnswer(model: string, maxTokens: number) {
  const options = { model, device: "cpu", temperature: 0, maxTokens } as const;
  const session = await inglenook.LanguageModel.create(options);
  const pieces: string[] = [];
  const answer = async () => {
    for await (const piece of session.promptStreaming("Tell me a long story about the sea."))
      pieces.push(piece);
    const { generatedTokens, decodeMs } = session.metrics ?? { generatedTokens: 0, decodeMs: 1 };
    session.destroy();
    return { answer: pieces.join(""), perSecond: Math.round((generatedTokens / decodeMs) * 1000) };
  };
  Object.assign(globalThis, { pieces, answering: answer() });
}

const answered = () => (globalThis as unknown as Held).answering;
const piecesNow = () => (globalThis as unknown as Held).pieces.length;

/** In the page: loads a model and embeds. */
async function use({ model, texts }: { model: ModelManifest; texts: string[] }) {
  const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
  const vectors = (await embedder.embed(texts)).map((vector) => [...vector]);
  embedder.destroy();
  return vectors;
}

describe.skipIf(!hasChromium)("a page in the background", () => {
  let server: TestServer;
  let tabs: Tabs;
  let page: Page;

  beforeAll(async () => {
    server = await TestServer.start();
    tabs = await Tabs.launch();
  });
  afterAll(async () => {
    await tabs?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    page = await tabs.open(server.url);
  });
  afterEach(() => page.close());

  async function hide() {
    await tabs.hide();
    expect(await page.evaluate(() => document.visibilityState)).toBe("hidden");
  }

  it("answers as it does in front", async () => {
    await page.evaluate(beginAnswer, SMOL, TOKENS);
    const inFront = await page.evaluate(answered);
    await hide();
    await page.evaluate(beginAnswer, SMOL, TOKENS);
    const hidden = await page.evaluate(answered);
    console.log(`tokens a second: ${inFront.perSecond} in front, ${hidden.perSecond} hidden`);
    expect(hidden.answer).toBe(inFront.answer);
  });

  /** Puts a model at a host of which nothing is stored. */
  async function hostAnew() {
    const host = new FileHost(FILE);
    const model = hostModel(server, { "model.gguf": FILE }, { "model.gguf": host.reply });
    await page.evaluate(async () => {
      for (const { model } of await inglenook.models.list()) await inglenook.models.remove(model);
    });
    return { host, model };
  }

  it("goes on with a download, and tries again what failed", async () => {
    const { host, model } = await hostAnew();
    host.instead = [status(503), status(503)];
    host.cutAfter = 5_000_000;
    await hide();
    const vectors = await page.evaluate(use, { model, texts: GOLDEN.texts });
    expect(lowestCosine(vectors, GOLDEN.vectors)).toBeGreaterThanOrEqual(0.999);
  });

  it("that is frozen in an answer goes on with it when it is thawed", async () => {
    await page.evaluate(beginAnswer, SMOL, TOKENS);
    const { answer } = await page.evaluate(answered);
    await page.evaluate(beginAnswer, SMOL, TOKENS);
    await page.waitForFunction("pieces.length > 5");
    await hide();
    const thaw = await tabs.freeze(page);
    const before = await page.evaluate(piecesNow);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const after = await page.evaluate(piecesNow);
    await thaw();
    // Frozen it is, or this would say nothing.
    expect(after).toBeLessThanOrEqual(before + 1);
    expect(after).toBeLessThan(TOKENS / 2);
    expect((await page.evaluate(answered)).answer).toBe(answer);
  });

  it("that is frozen in a download goes on with it when it is thawed", async () => {
    // A request that does not survive that, which not all do, falls silent: it is repeated after half a minute.
    server.setPrelude(FAST_TIMERS);
    const { host, model } = await hostAnew();
    host.stallAfter = HALF;
    const loading = page.evaluate(use, { model, texts: GOLDEN.texts });
    await expect.poll(() => host.sent, { timeout: 60_000 }).toBeGreaterThanOrEqual(HALF);
    await hide();
    const thaw = await tabs.freeze(page);
    host.stallAfter = Number.POSITIVE_INFINITY;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await thaw();
    expect(lowestCosine(await loading, GOLDEN.vectors)).toBeGreaterThanOrEqual(0.999);
    server.setPrelude();
  });

  it("that is left in an answer goes on with it when the browser goes back to it", async () => {
    await page.evaluate(beginAnswer, SMOL, TOKENS);
    const { answer } = await page.evaluate(answered);
    await page.evaluate(beginAnswer, SMOL, TOKENS);
    await page.waitForFunction("pieces.length > 5");
    const before = await page.evaluate(piecesNow);
    await page.goto(`${server.url}?elsewhere`);
    await page.goBack();
    // It is the same page, or this would say nothing.
    expect(await page.evaluate(piecesNow)).toBeGreaterThanOrEqual(before);
    expect((await page.evaluate(answered)).answer).toBe(answer);
  });

  it("shows all of an answer when it comes to the front again", async () => {
    const site = await TestServer.start({ root: join(ROOT, "dist") });
    site.answer(OWN_PATH, status(404));
    const chat = await tabs.open(new URL("chat.html", site.url).href);
    const input = await chat.waitForSelector("#model-input");
    await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(TINY);
    await chat.waitForSelector('body[data-model="ready"]');
    await tabs.hide();
    await chat.evaluate(() => {
      const field = document.querySelector<HTMLTextAreaElement>("#prompt");
      if (field) field.value = "blue to";
      document.querySelector<HTMLElement>("#send")?.click();
    });
    const said = () =>
      chat.evaluate(() => ({
        kept: JSON.parse(localStorage.getItem("inglenook-chat") ?? "[]") as { content: string }[],
        shown: [...document.querySelectorAll("#log .turn-words")].map(({ textContent }) => textContent),
      }));
    await expect.poll(async () => (await said()).kept.length, { timeout: 60_000 }).toBe(2);
    await chat.bringToFront();
    expect(await chat.evaluate(() => document.visibilityState)).toBe("visible");
    await chat.waitForSelector('body[data-talk="idle"]');
    const { kept, shown } = await said();
    expect(kept[1]?.content).not.toBe("");
    expect(shown[1]?.trim()).toBe(kept[1]?.content.trim());
    await chat.close();
    await site.stop();
  });
});
