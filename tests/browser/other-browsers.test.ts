import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { SMOL, sureChats, tinyChats, tinyLlama } from "./harness/chats.js";
import type { EngineKind } from "./harness/engine.js";
import { firefox } from "./harness/firefox.js";
import { type Golden, largestDifference, lowestCosine, miniLm, pick, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { whole } from "./harness/replies.js";
import { TestServer } from "./harness/server.js";
import { useEngine } from "./harness/use-engine.js";
import { webkit } from "./harness/webkit.js";

for (const kind of [firefox, webkit]) {
  if (kind.missing) console.warn(`${kind.name} is skipped: ${kind.missing}.`);
  describe.skipIf(kind.missing)(kind.name, () => suite(kind));
}

const FEW = pick(miniLm(), [0, 18, 40, 120, 200]);

/** In the page: embeds, and tells what the embedder says of itself. */
async function embedAll({ model, texts }: { model?: string | ModelManifest; texts: string[] }) {
  const embedder = await inglenook.Embedder.create({ model });
  const vectors = await embedder.embed(texts);
  const { device, fallback, maxTokens, bytesFetched } = embedder;
  embedder.destroy();
  return {
    vectors: vectors.map((vector) => Array.from(vector)),
    truncated: vectors.truncated,
    device,
    fallback,
    maxTokens,
    bytesFetched,
  };
}

/** On the site: waits for the page, takes the sample set and asks; the text of the best result. */
async function searchSamples(question: string): Promise<string> {
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const { body } = document;
  await until(() => body.getAttribute("data-model") === "absent");
  document.querySelector<HTMLElement>('#welcome [data-action="use-samples"]')?.click();
  await until(
    () => body.getAttribute("data-model") === "ready" && body.getAttribute("data-indexer") === "idle",
  );
  const field = document.querySelector<HTMLInputElement>("#query");
  if (field) field.value = question;
  field?.dispatchEvent(new Event("input", { bubbles: true }));
  await until(() => body.getAttribute("data-search") === "found");
  return document.querySelector("#results > li")?.textContent ?? "";
}

/** On the site's chat page: opens the model at `address` as a file from disk, and says something; the answer. */
async function chatWithFile({ address, question }: { address: string; question: string }): Promise<string> {
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const { body } = document;
  const words = () =>
    [...document.querySelectorAll("#log .turn-words")].map(({ textContent }) => textContent);
  const input = document.querySelector<HTMLInputElement>("#model-input");
  const files = new DataTransfer();
  files.items.add(new File([await (await fetch(address)).arrayBuffer()], "model.gguf"));
  if (input) input.files = files.files;
  input?.dispatchEvent(new Event("change", { bubbles: true }));
  await until(() => body.getAttribute("data-model") === "ready");
  const field = document.querySelector<HTMLTextAreaElement>("#prompt");
  if (field) field.value = question;
  document.querySelector<HTMLElement>("#send")?.click();
  await until(() => words().length === 2 && body.getAttribute("data-talk") === "idle");
  return words()[1] ?? "";
}

/** In the page: ends one of the workers, in the order in which they were started, while texts are embedded. */
async function embedWithoutWorker({ model, which }: { model: ModelManifest; which: number }) {
  const Native = globalThis.Worker;
  const started: { worker: Worker; alive: Promise<void> }[] = [];
  globalThis.Worker = class extends Native {
    constructor(...given: ConstructorParameters<typeof Native>) {
      super(...given);
      const alive = new Promise<void>((resolve) =>
        this.addEventListener("message", ({ data }) => data.kind === "alive" && resolve()),
      );
      started.push({ worker: this, alive });
    }
  };
  const embedder = await inglenook.Embedder.create({ model });
  globalThis.Worker = Native;
  const { worker, alive } = started[which] as (typeof started)[number];
  // A thread comes when it likes, and is missed by nobody before.
  await alive;
  const embed = () => outcomeOf(embedder.embed(Array(500).fill("The tide rises and falls twice a day.")));
  const first = embed();
  worker.terminate();
  let outcome = await first;
  // A thread may live a little longer.
  while (outcome.ok) outcome = await embed();
  return { threads: embedder.provenance.device.threads, outcomes: [outcome, await embed()] };
}

function suite(kind: EngineKind): void {
  const site = useEngine(kind);

  async function expectExact(golden: Golden, model: string | ModelManifest) {
    const found = await site.engine.run(embedAll, { model, texts: golden.texts });
    expect(largestDifference(found.vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
    expect(found.truncated).toEqual(golden.truncated);
    return found;
  }

  it("runs on the CPU and says why", async () => {
    const { device, fallback } = await expectExact(tinyBert(), hostModel(site.server, tinyFolder()));
    expect(device).toBe("cpu");
    expect(fallback?.reason).toBe("no-webgpu");
    expect(fallback?.message).toMatch(/WebGPU/);
    expect(site.server.paths.join()).not.toContain("inglenook_gpu");
  });

  it("computes the F32 model's vectors, and keeps the model", async () => {
    const first = await expectExact(FEW, "all-minilm-l6-v2");
    expect(first.maxTokens).toBe(256);
    expect(first.bytesFetched).toBeGreaterThan(90_000_000);
    const { bytesFetched } = await site.engine.run(embedAll, { model: "all-minilm-l6-v2", texts: ["again"] });
    expect(bytesFetched).toBe(0);
  });

  it("computes the 8-bit model's vectors", async () => {
    const { vectors } = await site.engine.run(embedAll, { texts: FEW.texts });
    expect(lowestCosine(vectors, FEW.vectors)).toBeGreaterThanOrEqual(0.999);
  });

  it("answers as the reference does", async () => {
    const [chat] = sureChats(12);
    const found = await site.engine.run(
      async ({ model, messages }) => {
        const options = { model, temperature: 0, maxTokens: 12 };
        const session = await inglenook.LanguageModel.create(options);
        const chunks: string[] = [];
        const reader = session.promptStreaming(messages).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          chunks.push(value);
        }
        const { device, contextUsage } = session;
        session.destroy();
        return { chunks, device, contextUsage };
      },
      { model: SMOL, messages: chat?.messages ?? [] },
    );
    expect(found.chunks.length).toBeGreaterThan(3);
    expect(found.chunks.join("")).toBe(chat?.answer);
    expect(found).toMatchObject({ device: "cpu", contextUsage: (chat?.promptTokens ?? 0) + 12 });
  });

  it("gives answers that can be iterated, to the end or not", async () => {
    const [chat] = tinyChats();
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
    const found = await site.engine.run(
      async ({ model, messages, maxTokens }) => {
        const options = { model, temperature: 0, maxTokens };
        const session = await inglenook.LanguageModel.create(options);
        let first = "";
        for await (const text of session.promptStreaming(messages)) {
          first = text;
          break;
        }
        const usage = session.contextUsage;
        let answer = "";
        for await (const text of session.promptStreaming(messages)) answer += text;
        session.destroy();
        return { first, usage, answer };
      },
      { model, messages: chat?.messages ?? [], maxTokens: chat?.tokens },
    );
    expect(found.answer).toBe(chat?.answer);
    expect(found.first).not.toBe("");
    expect(found.usage).toBe(0);
  });

  it("searches", async () => {
    const hits = await site.engine.run(
      async (vectors: number[][]) => {
        const rows = vectors.map((vector) => Float32Array.from(vector));
        const index = await inglenook.VectorIndex.create({ dimensions: 3 });
        await index.add(rows);
        const found = await index.search(Float32Array.of(1, 2, 0), { k: 2 });
        index.destroy();
        return found;
      },
      [
        [0, 1, 0],
        [0, 0, 1],
        [1, 1, 0],
      ],
    );
    expect(hits).toEqual([
      { index: 2, score: 3 },
      { index: 0, score: 2 },
    ]);
  });

  it("rejects with the package's own errors", async () => {
    const manifest = { id: "nowhere", files: [{ path: "a.gguf", bytes: 1, sha256: "0".repeat(64) }] };
    const outcome = await site.engine.run(
      (model: ModelManifest) => outcomeOf(inglenook.Embedder.create({ model })),
      manifest,
    );
    expect(outcome).toMatchObject({ ok: false, isInglenookError: true, code: "http-status" });
    expect(site.server.violations).toEqual([]);
  });

  it("notices a worker that was ended from outside, or its thread", async () => {
    const model = hostModel(site.server, tinyFolder());
    let workers = 1;
    for (let which = 0; which < workers; which++) {
      const { threads, outcomes } = await site.engine.run(embedWithoutWorker, { model, which });
      for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, code: "worker" });
      workers = Math.min(threads, 2);
    }
  });

  /** Runs a script on a page of the site, which must break no rule of its policy. */
  async function onSite<A, T>(
    path: string,
    script: (input: A) => Promise<T>,
    input: A,
    prepare: (server: TestServer) => void = () => {},
  ): Promise<T> {
    const siteServer = await TestServer.start({ root: join(ROOT, "dist") });
    prepare(siteServer);
    const page = await kind.open(new URL(path, siteServer.url).href);
    try {
      const found = await page.run(script, input);
      expect(siteServer.violations).toEqual([]);
      return found;
    } finally {
      await page.close();
      await siteServer.stop();
    }
  }

  it("runs the site", async () => {
    expect(await onSite("", searchSamples, "my tap keeps dripping all night")).toContain("plumbing");
  });

  it("runs the site's chat", async () => {
    const address = "/tiny.gguf";
    const tiny = tinyLlama("model-q8_0.gguf");
    const answer = onSite("chat.html", chatWithFile, { address, question: "blue to" }, (server) =>
      server.answer(address, whole(tiny)),
    );
    expect(await answer).not.toBe("");
  });
}
