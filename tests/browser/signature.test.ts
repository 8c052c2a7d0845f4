import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ModelFile, ModelManifest } from "../../web/src/index.js";
import { ROOT } from "../../web/stage.mjs";
import { bundleOf, ed25519, hashOf, onCurve, statementOf } from "../unit/signature/make.js";
import { tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import type { EngineKind } from "./harness/engine.js";
import { firefox } from "./harness/firefox.js";
import { largestDifference, tinyBert } from "./harness/goldens.js";
import { type Files, hostModel, manifestOf, tinyFolder, tinyGguf } from "./harness/models.js";
import "./harness/page.js";
import { hangUp, status, webPage, whole } from "./harness/replies.js";
import type { TestServer } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";
import { useEngine } from "./harness/use-engine.js";
import { webkit } from "./harness/webkit.js";

const golden = (path: string) => readFileSync(join(ROOT, "tests/golden", path));
const GOLDEN = tinyBert();
const GOOD = tinyFolder();
/** The signature that OpenSSF's tool made of these files, and the key to it. */
const BY_TOOL = golden("signatures/p256.sig");
const P256 = golden("signatures/p256.pem").toString();
const KEYS = ed25519();

/** A signature of files as they are. */
function signatureOf(files: Files, keys = KEYS): Buffer {
  const hashes = Object.entries(files).map(([path, bytes]) => [path, hashOf(bytes)] as const);
  return Buffer.from(JSON.stringify(bundleOf(statementOf(hashes), keys)));
}

/** Puts a model with its signature on the server. */
function hostSigned(server: TestServer, files: Files, signature: Buffer): ModelManifest {
  const model = hostModel(server, files);
  server.answer(`/models/${model.id}/model.sig`, whole(signature));
  return model;
}

interface Attempt {
  model: ModelManifest;
  publicKey: string;
  texts?: string[];
}

/** In the page: embeds with a signed model; vectors, and what the embedder says of itself. */
async function embed({ model, publicKey, texts = ["one"] }: Attempt) {
  const embedder = await inglenook.Embedder.create({ model, publicKey, device: "cpu" });
  const vectors = await embedder.embed(texts);
  const { provenance, bytesFetched } = embedder;
  embedder.destroy();
  return { vectors: vectors.map((vector) => Array.from(vector)), provenance, bytesFetched };
}

/** In the page: how that ends, where it should not come to anything. */
async function attempt({ model, publicKey }: Attempt) {
  return outcomeOf(inglenook.Embedder.create({ model, publicKey, device: "cpu" }));
}

for (const kind of [firefox, webkit]) {
  if (kind.missing) console.warn(`${kind.name} is skipped: ${kind.missing}.`);
  describe.skipIf(kind.missing)(`signed models in ${kind.name}`, () => suite(kind));
}

function suite(kind: EngineKind): void {
  const site = useEngine(kind);

  it.each([
    ["P-256, by OpenSSF's tool", P256, BY_TOOL],
    ["Ed25519", KEYS.pem, signatureOf(GOOD)],
  ])("are taken with the right key, and refused with another: %s", async (_, publicKey, signature) => {
    const model = hostSigned(site.server, GOOD, signature);
    const { provenance } = await site.engine.run(embed, { model, publicKey });
    expect(provenance.signature?.key).toBe(hashOf(publicKey));
    const other = publicKey === P256 ? onCurve("prime256v1").pem : ed25519().pem;
    const refused = await site.engine.run(attempt, { model, publicKey: other });
    expect(refused).toMatchObject({ ok: false, code: "signature-invalid" });
  });
}

describe.skipIf(!hasChromium)("signed models", () => {
  const site = useChromium({ fresh: true });
  const run = (what: Attempt) => site.opened.page.evaluate(embed, what);
  /** Expects a refusal before any file of the model, or any wasm, was asked for. */
  async function expectRefusal(what: Attempt, code: string, message = /./) {
    site.server.requests.length = 0;
    const found = await site.opened.page.evaluate(attempt, what);
    expect(found).toMatchObject({ ok: false, isInglenookError: true, code });
    expect(found.message).toMatch(message);
    expect(site.server.paths.filter((path) => !/model\.sig$|signature\.js$/.test(path))).toEqual([]);
    expect(await workersLeft(site.opened.page)).toBe(0);
  }

  it("are used, with the signature that OpenSSF's tool made; and once more, offline", async () => {
    const model = hostSigned(site.server, GOOD, BY_TOOL);
    const first = await run({ model, publicKey: P256, texts: GOLDEN.texts });
    expect(largestDifference(first.vectors, GOLDEN.vectors)).toBeLessThanOrEqual(1e-5);
    expect(first.provenance.signature).toEqual({ algorithm: "P-256", key: hashOf(P256) });
    site.server.requests.length = 0;
    for (const path of [...Object.keys(GOOD), "model.sig"]) {
      site.server.answer(`/models/${model.id}/${path}`, status(503));
    }
    const again = await run({ model, publicKey: P256 });
    expect(again).toMatchObject({ bytesFetched: 0, provenance: first.provenance });
    expect(site.server.paths.filter((path) => path.startsWith("/models/"))).toEqual([]);
  });

  it("are used after a key was changed, with both keys or the new one", async () => {
    const model = hostSigned(site.server, GOOD, signatureOf(GOOD));
    const next = ed25519();
    const both = KEYS.pem + next.pem;
    expect((await run({ model, publicKey: both })).provenance.signature?.key).toBe(hashOf(KEYS.pem));
    site.server.answer(`/models/${model.id}/model.sig`, whole(signatureOf(GOOD, next)));
    expect((await run({ model, publicKey: next.pem })).provenance.signature?.key).toBe(hashOf(next.pem));
    await expectRefusal({ model, publicKey: KEYS.pem }, "signature-invalid");
  });

  it("are used when the host is busy at first", async () => {
    const model = hostSigned(site.server, GOOD, BY_TOOL);
    const path = `/models/${model.id}/model.sig`;
    const replies = [hangUp(), status(503), whole(BY_TOOL)];
    site.server.answer(path, (response) => replies.shift()?.(response));
    site.server.requests.length = 0;
    expect((await run({ model, publicKey: P256 })).provenance.signature?.key).toBe(hashOf(P256));
    expect(site.server.paths.filter((asked) => asked === path)).toHaveLength(3);
  });

  it("are refused when their bytes were changed", async () => {
    const model = hostSigned(site.server, GOOD, BY_TOOL);
    const weights = Buffer.from(GOOD["model.safetensors"] as Uint8Array);
    weights[weights.length - 1] = (weights.at(-1) as number) ^ 1;
    site.server.answer(`/models/${model.id}/model.safetensors`, whole(weights));
    const found = await site.opened.page.evaluate(attempt, { model, publicKey: P256 });
    expect(found).toMatchObject({ ok: false, code: "hash-mismatch", detail: "model.safetensors" });
  });

  it("are refused when the manifest was changed with the bytes", async () => {
    const config = Buffer.from(`${Buffer.from(GOOD["config.json"] as Uint8Array)} `);
    const model = hostSigned(site.server, { ...GOOD, "config.json": config }, BY_TOOL);
    await expectRefusal({ model, publicKey: P256 }, "signature-invalid", /config\.json/);
  });

  it("are refused when the manifest's other hash was changed with the bytes", async () => {
    const [good, other] = [tinyGguf(), tinyGguf("model-q8_0.gguf")];
    const model = hostSigned(site.server, other, signatureOf(good));
    // Of the manifest that is signed all but what browsers would check, were there no signature.
    const { bytes, piecesSha256 } = model.files[0] as ModelFile;
    const files = manifestOf("", good).files.map((file) => ({ ...file, bytes, piecesSha256 }));
    const forged = { ...model, files };
    const found = await site.opened.page.evaluate(attempt, { model: forged, publicKey: KEYS.pem });
    expect(found).toMatchObject({ ok: false, code: "hash-mismatch" });
  });

  it("are refused when a file came to the manifest", async () => {
    const model = hostSigned(site.server, { ...GOOD, "more.json": Buffer.from("{}") }, BY_TOOL);
    await expectRefusal({ model, publicKey: P256 }, "signature-invalid", /more\.json/);
  });

  it("are refused when the signature was changed, or is not there", async () => {
    const model = hostSigned(site.server, GOOD, BY_TOOL);
    const path = `/models/${model.id}/model.sig`;
    const refused = (code: string) => expectRefusal({ model, publicKey: P256 }, code);
    const flipped = JSON.parse(BY_TOOL.toString());
    const sig = Buffer.from(flipped.dsseEnvelope.signatures[0].sig, "base64");
    sig[20] = (sig[20] as number) ^ 1;
    flipped.dsseEnvelope.signatures[0].sig = sig.toString("base64");
    for (const signature of [Buffer.from(JSON.stringify(flipped)), signatureOf(GOOD), Buffer.of()]) {
      site.server.answer(path, whole(signature));
      await refused("signature-invalid");
    }
    for (const reply of [status(404), webPage()]) {
      site.server.answer(path, reply);
      await refused("signature-missing");
    }
    // What was refused has left nothing behind.
    site.server.answer(path, whole(BY_TOOL));
    await run({ model, publicKey: P256 });
  });

  it("are refused with a key that is none, and never taken unverified", async () => {
    const model = hostSigned(site.server, GOOD, BY_TOOL);
    for (const publicKey of ["", "key", null as unknown as string]) {
      await expectRefusal({ model, publicKey }, "invalid-input");
    }
  });

  it("are refused where the browser has no such keys", async () => {
    const model = hostSigned(site.server, GOOD, signatureOf(GOOD));
    await site.opened.page.evaluate(() => {
      const { importKey } = SubtleCrypto.prototype;
      SubtleCrypto.prototype.importKey = function (this: SubtleCrypto, ...given: unknown[]) {
        const { name } = given[2] as Algorithm;
        if (name === "Ed25519") return Promise.reject(new DOMException("no", "NotSupportedError"));
        return importKey.apply(this, given as Parameters<typeof importKey>);
      } as typeof importKey;
    });
    await expectRefusal({ model, publicKey: KEYS.pem }, "signature-unsupported", /Ed25519/);
  });

  it("have the store count their files, and forget the signature with them", async () => {
    const model = hostSigned(site.server, GOOD, BY_TOOL);
    await run({ model, publicKey: P256 });
    const bytes = manifestOf("", GOOD).files.reduce((sum, file) => sum + file.bytes, 0);
    const info = await site.opened.page.evaluate((model) => inglenook.models.info(model), model.id);
    expect(info).toMatchObject({ bytes, bytesTotal: bytes, complete: true });
    await site.opened.page.evaluate((model) => inglenook.models.remove(model), model.id);
    expect(await site.opened.page.evaluate(() => inglenook.models.list())).toEqual([]);
    site.server.answer(`/models/${model.id}/model.sig`, status(404));
    await expectRefusal({ model, publicKey: P256 }, "signature-missing");
  });
});

describe.skipIf(!hasChromium)("signed GGUF files", () => {
  const site = useChromium({ fresh: true });
  const FILE = tinyLlama("model-q8_0.gguf");
  const [chat] = tinyChats();
  const folder = "/models/signed";
  /** In the page: chats with the file at an address, or tells how that ends. */
  const talk = (model: string) =>
    site.opened.page.evaluate(
      async ([model, publicKey, messages, maxTokens]) => {
        const options = { model, publicKey, device: "cpu", temperature: 0, maxTokens } as const;
        const creating = inglenook.LanguageModel.create(options);
        const { ok, ...failure } = await outcomeOf(creating);
        if (!ok) return { failure };
        const session = await creating;
        const answer = await session.prompt(messages ?? []);
        const { provenance, bytesFetched } = session;
        session.destroy();
        return { answer, provenance, bytesFetched };
      },
      [model, KEYS.pem, chat?.messages, chat?.tokens] as const,
    );

  it("are held to the hash in the signature beside them, fetched or stored", async () => {
    site.server.answer(`${folder}/tiny.gguf`, whole(FILE));
    site.server.answer(`${folder}/model.sig`, whole(signatureOf({ "tiny.gguf": FILE })));
    const found = await talk(`${folder}/tiny.gguf`);
    expect(found.answer).toBe(chat?.answer);
    expect(found.provenance?.files).toEqual([
      { path: "tiny.gguf", bytes: FILE.length, sha256: hashOf(FILE) },
    ]);
    expect(found.provenance?.signature).toEqual({ algorithm: "Ed25519", key: hashOf(KEYS.pem) });
    expect(await talk(`${folder}/tiny.gguf`)).toMatchObject({ answer: chat?.answer, bytesFetched: 0 });
    // A new version of both: what is stored is not what is signed any more.
    const next = Buffer.concat([FILE, Buffer.alloc(32)]);
    site.server.answer(`${folder}/tiny.gguf`, whole(next));
    site.server.answer(`${folder}/model.sig`, whole(signatureOf({ "tiny.gguf": next })));
    await site.opened.page.evaluate(() =>
      inglenook.models.remove(new URL("/models/signed/tiny.gguf", location.href)),
    );
    expect((await talk(`${folder}/tiny.gguf`)).provenance?.files[0]?.sha256).toBe(hashOf(next));
  });

  it("are refused when they are others, or not covered", async () => {
    site.server.answer(`${folder}/other.gguf`, whole(FILE));
    site.server.answer(`${folder}/model.sig`, whole(signatureOf({ "other.gguf": Buffer.from("others") })));
    expect(await talk(`${folder}/other.gguf`)).toMatchObject({ failure: { code: "hash-mismatch" } });
    const kept = await site.opened.page.evaluate(() => inglenook.models.list());
    expect(kept.filter(({ bytes }) => bytes > 0)).toEqual([]);
    site.server.answer(`${folder}/else.gguf`, whole(FILE));
    const uncovered = await talk(`${folder}/else.gguf`);
    expect(uncovered).toMatchObject({ failure: { code: "signature-invalid", name: "NetworkError" } });
  });

  it("are refused from disk, where no signature lies beside them", async () => {
    const failure = await site.opened.page.evaluate(async (publicKey) => {
      const model = new File(["GGUF"], "mine.gguf");
      return outcomeOf(inglenook.LanguageModel.create({ model, publicKey }));
    }, KEYS.pem);
    expect(failure).toMatchObject({ ok: false, code: "signature-missing", detail: "mine.gguf" });
  });
});
