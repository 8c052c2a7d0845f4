import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OfflineSite, OfflineUpdate } from "../../web/src/index.js";
import { BuiltSite, PLAIN } from "./harness/built-site.js";
import { tinyChats } from "./harness/chats.js";
import { chromiumProfile } from "./harness/chromium-profile.js";
import type { Engine, EngineKind } from "./harness/engine.js";
import { firefox } from "./harness/firefox.js";
import { largestDifference, normalised, tinyBert } from "./harness/goldens.js";
import "./harness/page.js";
import { TestServer } from "./harness/server.js";
import { webkit } from "./harness/webkit.js";

for (const kind of [chromiumProfile, firefox, webkit]) {
  if (kind.missing) console.warn(`${kind.name} is skipped: ${kind.missing}.`);
  describe.skipIf(kind.missing)(`without a network, in ${kind.name}`, () => suite(kind));
}

const LONG = { timeout: 30_000 };

const golden = normalised(tinyBert("tiny-bert-cls", "model-f32.gguf"));
const [chat] = tinyChats();
const asked = { texts: golden.texts, messages: chat?.messages ?? [], maxTokens: chat?.tokens ?? 0 };
type Asked = typeof asked & Pick<BuiltSite, "model" | "chatFile">;

// What a visit leaves in the page.
declare global {
  var offlineSite: OfflineSite;
  var updates: OfflineUpdate[];
}

/** In the page: embeds and chats, and tells whether it needed a network. */
async function work({ model, chatFile, texts, messages, maxTokens }: Asked) {
  const availability = [
    await inglenook.Embedder.availability({ model, device: "cpu" }),
    await inglenook.LanguageModel.availability({ model: chatFile, device: "cpu" }),
  ];
  const embedder = await inglenook.Embedder.create({ model, device: "cpu" });
  const vectors = [...(await embedder.embed(texts))].map((vector) => [...vector]);
  const session = await inglenook.LanguageModel.create({
    model: chatFile,
    device: "cpu",
    temperature: 0,
    maxTokens,
  });
  const answer = await session.prompt(messages);
  const bytesFetched = embedder.bytesFetched + session.bytesFetched;
  embedder.destroy();
  session.destroy();
  return { availability, vectors, answer, bytesFetched, isolated: crossOriginIsolated };
}

function suite(kind: EngineKind): void {
  let site: BuiltSite;
  let server: TestServer;
  let profile: string;
  let engine: Engine | undefined;

  beforeEach(async () => {
    site = new BuiltSite();
    server = await TestServer.start({ root: site.root, headers: PLAIN });
    profile = mkdtempSync(join(tmpdir(), "inglenook-profile-"));
  });

  afterEach(async () => {
    await engine?.close();
    await server.stop();
    site.remove();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });

  it("starts, embeds and chats at the second visit, isolated", async () => {
    const url = server.url + site.path;
    engine = await kind.open(url, profile);
    const input = { ...asked, model: site.model, chatFile: site.chatFile };
    const isReady = await engine.run(async () => {
      globalThis.offlineSite = await inglenook.offline.register();
      return offlineSite.isReady();
    }, null);
    // No build has been used yet.
    expect(isReady).toBe(false);
    const first = await engine.run(work, input);
    expect(first).toMatchObject({ availability: ["downloadable", "downloadable"], isolated: false });
    expect(await engine.run(() => offlineSite.isReady(), null)).toBe(true);
    if (kind.keepsProfile) {
      await engine.close();
      await server.stop();
      engine = await kind.open(url, profile);
    } else {
      await server.stop();
      await engine.visit(url);
    }
    const second = await engine.run(work, input);
    expect(second).toMatchObject({
      availability: ["available", "available"],
      bytesFetched: 0,
      isolated: true,
    });
    for (const { vectors, answer } of [first, second]) {
      expect(largestDifference(vectors, golden.vectors)).toBeLessThan(1e-5);
      expect(answer).toBe(chat?.answer);
    }
  });

  it("announces a new version, and takes it when it is told", async () => {
    engine = await kind.open(server.url + site.path, profile);
    const register = () =>
      engine?.run(async () => {
        globalThis.updates = [];
        await inglenook.offline.register("sw.js", { onupdate: (update) => globalThis.updates.push(update) });
      }, null);
    await register();
    site.write(
      "page.js",
      `${readFileSync(site.file("page.js"), "utf8")}\ndocument.body.dataset.version = "new";`,
    );
    site.build();
    const version = () => engine?.run(async () => document.body.getAttribute("data-version"), null);
    await engine.run(async () => void (await (await navigator.serviceWorker.ready).update()), null);
    await expect.poll(() => engine?.run(async () => globalThis.updates.length, null), LONG).toBe(1);
    expect(await engine.run(async () => (await fetch("page.js")).text(), null)).not.toContain("new");
    await engine.visit(server.url + site.path);
    expect(await version()).toBe(null);
    await register();
    expect(await engine.run(async () => globalThis.updates.length, null)).toBe(1);
    await engine.run(async () => void globalThis.updates[0]?.apply(), null);
    // Nothing can be run while the page is being loaded again.
    await expect.poll(() => version()?.catch(() => "loading"), LONG).toBe("new");
  });

  it("refuses a page that asks for what removes itself", async () => {
    site.build("--remove");
    engine = await kind.open(server.url + site.path, profile);
    const refused = await engine.run(() => outcomeOf(inglenook.offline.register()), null);
    expect(refused).toMatchObject({ code: "worker", message: expect.stringContaining("removes itself") });
  });
}
