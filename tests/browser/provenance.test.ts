import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { DeviceChoice, ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { hashOf } from "../unit/signature/make.js";
import { tinyLlama } from "./harness/chats.js";
import { hasChromium } from "./harness/chromium.js";
import * as faults from "./harness/faults.js";
import { hostModel, tinyFolder, tinyGguf } from "./harness/models.js";
import "./harness/page.js";
import { whole } from "./harness/replies.js";
import { NOT_ISOLATED } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

const PUBLISHED = JSON.parse(readFileSync(join(ROOT, "web/dist/provenance.json"), "utf8"));

interface Run {
  model: ModelManifest;
  device?: DeviceChoice;
  dtype?: "f32" | "q8";
  texts?: string[];
}

/** In the page: what an embedder says that it ran, before and after it has worked. */
async function embed({ texts = ["one"], ...options }: Run) {
  const embedder = await inglenook.Embedder.create(options);
  const before = embedder.provenance;
  await embedder.embed(texts);
  const after = embedder.provenance;
  embedder.destroy();
  return { before, after, same: before === after };
}

describe.skipIf(!hasChromium)("what ran", () => {
  const site = useChromium({ fresh: true });
  const observe = (run: Run) => site.opened.page.evaluate(embed, run);

  it("is the model with its hashes, the build, and the CPU with its threads", async () => {
    site.server.setPrelude();
    const model = hostModel(site.server, tinyFolder());
    const { before, same } = await observe({ model, device: "cpu" });
    const wasm = "inglenook_cpu_threads.wasm";
    expect(before).toEqual({
      model: model.id,
      address: `${site.server.url}models/${model.id}/`,
      files: model.files,
      signature: null,
      quantisation: "F32",
      dtype: "f32",
      build: {
        version: PUBLISHED.version,
        commit: PUBLISHED.modified ? null : PUBLISHED.commit,
        wasm,
        wasmSha256: PUBLISHED.wasm[wasm].sha256,
      },
      device: { kind: "cpu", threads: expect.any(Number), relaxedSimd: true, adapter: null },
      fallback: null,
    });
    expect(before.device.threads).toBeGreaterThan(1);
    expect(same).toBe(true);
  });

  it("is a file of eight bits, computed in eight bits, on one thread", async () => {
    site.server.setPrelude(NOT_ISOLATED);
    const model = hostModel(site.server, tinyGguf("model-q8_0.gguf"));
    const { before } = await observe({ model, device: "cpu", dtype: "q8" });
    expect(before).toMatchObject({
      quantisation: "Q8_0",
      dtype: "q8",
      build: { wasm: "inglenook_cpu_relaxed.wasm" },
      device: { threads: 1, relaxedSimd: true },
    });
  });

  it("is the wasm file that came, whatever was published", async () => {
    site.server.setPrelude(NOT_ISOLATED);
    const path = "inglenook_cpu_relaxed.wasm";
    // A section without a meaning more.
    const other = Buffer.concat([readFileSync(join(ROOT, "web/dist", path)), Buffer.from([0, 2, 1, 120])]);
    site.server.answer(`/dist/${path}`, (response) => {
      response.writeHead(200, { "Content-Type": "application/wasm", "Cache-Control": "no-store" }).end(other);
    });
    const { before } = await observe({ model: hostModel(site.server, tinyFolder()), device: "cpu" });
    site.server.restore(`/dist/${path}`);
    expect(before.build.wasmSha256).toBe(hashOf(other));
  });

  it("is a file of which nobody has said a hash: from disk, from an address, and in clones", async () => {
    site.server.setPrelude();
    const file = tinyLlama("model-q4_1.gguf");
    site.server.answer("/models/tiny%20llama.gguf", whole(file));
    const found = await site.opened.page.evaluate(async () => {
      const bytes = await (await fetch("/models/tiny%20llama.gguf")).blob();
      const sources = [
        new File([bytes], "my own.gguf"),
        "/models/tiny%20llama.gguf",
        "/models/tiny%20llama.gguf",
      ];
      const all = [];
      for (const model of sources) {
        const session = await inglenook.LanguageModel.create({ model, device: "cpu" });
        const clone = await session.clone();
        const { provenance, bytesFetched } = session;
        all.push({ provenance, bytesFetched, same: clone.provenance === provenance });
        session.destroy();
        clone.destroy();
      }
      return all;
    });
    const known = { bytes: file.length, sha256: hashOf(file) };
    const url = `${site.server.url}models/tiny%20llama.gguf`;
    expect(found).toMatchObject([
      { provenance: { model: "my own.gguf", address: null, files: [{ path: "my own.gguf", ...known }] } },
      {
        provenance: {
          model: "tiny llama.gguf",
          address: url,
          files: [{ path: "tiny llama.gguf", ...known }],
        },
      },
      { provenance: { files: [{ path: "tiny llama.gguf", ...known }] }, bytesFetched: 0 },
    ]);
    for (const { provenance, same } of found) {
      expect(same).toBe(true);
      expect(provenance).toMatchObject({ quantisation: "Q4_1", dtype: "q8", device: { kind: "cpu" } });
    }
  });
});

describe.skipIf(!hasChromium)("what ran on a GPU", () => {
  const site = useChromium({ gpu: true, fresh: true });
  const observe = (run: Run) => site.opened.page.evaluate(embed, run);
  let model: ModelManifest;

  beforeAll(() => {
    model = hostModel(site.server, tinyFolder());
  });

  it("is its build, on an adapter as far as the browser tells of it", async () => {
    site.server.setPrelude();
    const { before } = await observe({ model, device: "webgpu" });
    expect(before.build).toMatchObject({
      wasm: "inglenook_gpu.wasm",
      wasmSha256: PUBLISHED.wasm["inglenook_gpu.wasm"].sha256,
    });
    const { vendor, architecture } = before.device.adapter ?? {};
    expect(`${vendor} ${architecture}`).toBe("google swiftshader");
    expect(before.device).toMatchObject({ kind: "webgpu", threads: 1, relaxedSimd: false });
  });

  it("is the CPU after a move there, and why", async () => {
    site.server.setPrelude(faults.LOST_DURING_WORK);
    const texts = Array.from({ length: 300 }, (_, i) => `text ${i}`);
    const { before, after } = await observe({ model, texts });
    expect(before).toMatchObject({ device: { kind: "webgpu" }, fallback: null });
    expect(after).toMatchObject({
      build: { wasm: "inglenook_cpu_threads.wasm" },
      device: { kind: "cpu", adapter: null },
      fallback: { reason: "device-lost" },
    });
    expect(after.files).toEqual(before.files);
  });
});
