import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium } from "./harness/chromium.js";
import { largestDifference, tinyBert } from "./harness/goldens.js";
import { hostModel, tinyFolder } from "./harness/models.js";
import "./harness/page.js";
import { useChromium } from "./harness/use-chromium.js";

/** Runs in the worker before its own code: this browser has no relaxed SIMD, whose instructions begin with 253. */
const NO_RELAXED_SIMD = `{
  const { validate } = WebAssembly;
  WebAssembly.validate = (bytes) => !bytes.join().includes("253,147,2") && validate(bytes);
}`;

const RELAXED = ["/dist/inglenook_cpu_relaxed.js", "/dist/inglenook_cpu_relaxed.wasm"];
const PLAIN = ["/dist/inglenook_cpu.js", "/dist/inglenook_cpu.wasm"];

describe.skipIf(!hasChromium)("the CPU build", () => {
  const site = useChromium({ fresh: true });

  /** Embeds and chats, both right; gives what was fetched of the builds. */
  async function expectRight(): Promise<string[]> {
    const before = site.server.requests.length;
    const golden = tinyBert();
    const [chat] = tinyChats("model-q4_1.gguf");
    const models = [
      hostModel(site.server, tinyFolder()),
      hostModel(site.server, { "model.gguf": tinyLlama("model-q4_1.gguf") }),
    ] as const;
    const found = await site.opened.page.evaluate(
      async ([[encoder, decoder], texts, messages, maxTokens]) => {
        const embedder = await inglenook.Embedder.create({ model: encoder, device: "cpu" });
        const vectors = await embedder.embed(texts);
        const options = { model: decoder, device: "cpu", temperature: 0, maxTokens } as const;
        const session = await inglenook.LanguageModel.create(options);
        const answer = await session.prompt(messages ?? []);
        embedder.destroy();
        session.destroy();
        return { vectors: vectors.map((vector) => [...vector]), answer };
      },
      [models, golden.texts, chat?.messages, chat?.tokens] as const,
    );
    expect(largestDifference(found.vectors, golden.vectors)).toBeLessThanOrEqual(1e-5);
    expect(found.answer).toBe(chat?.answer);
    const asked = site.server.paths.slice(before).filter((path) => path.includes("inglenook_cpu"));
    return [...new Set(asked)].sort();
  }

  it("is the one with relaxed SIMD where the browser has that", async () => {
    expect(await expectRight()).toEqual(RELAXED);
  });

  it("is the other one where it has not", async () => {
    site.server.setPrelude(NO_RELAXED_SIMD);
    expect(await expectRight()).toEqual(PLAIN);
    site.server.setPrelude();
  });

  it("is the other one where relaxed SIMD does not multiply exactly", async () => {
    const path = "/dist/inglenook_cpu_relaxed.js";
    const glue = readFileSync(join(ROOT, "web", path), "utf8");
    const inexact = glue.replace(/static multipliesExactly\(\)\{/, "$&return!1;");
    expect(inexact).not.toBe(glue);
    site.server.answer(path, (response) => {
      response
        .writeHead(200, { "Content-Type": "text/javascript", "Cache-Control": "no-store" })
        .end(inexact);
    });
    expect(await expectRight()).toEqual([...PLAIN, ...RELAXED].sort());
    site.server.restore(path);
  });
});
