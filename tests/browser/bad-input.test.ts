import { beforeAll, describe, expect, it } from "vitest";
import type { ErrorCode, ModelManifest } from "../../web/src/index.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { type ClaimedTensor, gguf } from "./harness/gguf.js";
import { tinyBert } from "./harness/goldens.js";
import { type Files, hostModel, manifestOf, tinyFolder, tinyGguf } from "./harness/models.js";
import "./harness/page.js";
import { cutInHalf, hangUp, type Reply, status, webPage, whole } from "./harness/replies.js";
import { safetensors, type TensorEntry, withHeader } from "./harness/safetensors.js";
import { FAST_TIMERS, NOT_ISOLATED } from "./harness/server.js";
import { damage, evictAll } from "./harness/stored-file.js";
import { expectUsable } from "./harness/usable.js";
import { useChromium } from "./harness/use-chromium.js";

const GOLDEN = tinyBert();
const GOOD = tinyFolder();
const WEIGHTS = "model.safetensors";
const weights = GOOD[WEIGHTS] as Uint8Array;
const GGUF = tinyGguf()["model.gguf"] as Uint8Array;
const DEEP = "[".repeat(100_000);

/** A case: what it is, the code it must end in, and what its error must name. */
type Case<T> = [what: string, code: ErrorCode, detail: RegExp, bad: T];

/** The server does not send what the manifest describes. */
const SERVED: Case<Reply>[] = [
  [
    "half of the file and the end",
    "incomplete-download",
    /model\.safetensors/,
    whole(weights.subarray(0, weights.length / 2)),
  ],
  ["nothing", "incomplete-download", /model\.safetensors/, whole(new Uint8Array())],
  ["a connection cut at 50 %", "incomplete-download", /model\.safetensors/, cutInHalf(weights)],
  ["more than announced", "size-mismatch", /model\.safetensors/, whole(Buffer.concat([weights, weights]))],
  ["one more byte", "size-mismatch", /model\.safetensors/, whole(Buffer.concat([weights, Buffer.alloc(1)]))],
  ["a flipped bit", "hash-mismatch", /model\.safetensors/, whole(flipped(weights, weights.length / 2))],
  ["status 404", "http-status", /\/models\/hosted-\d+\/model\.safetensors/, status(404)],
  ["status 500", "http-status", /model\.safetensors/, status(500)],
  ["a web page", "not-weights", /model\.safetensors/, webPage()],
  ["no answer", "network", /model\.safetensors/, hangUp()],
];

/** A file is what the manifest describes, and wrong in itself. */
const FOLDERS: Case<Files>[] = [
  [
    "another architecture",
    "unsupported-model",
    /.*/,
    { "config.json": json("config.json", { model_type: "gpt2" }) },
  ],
  [
    "a hidden size of 2^60",
    "malformed-file",
    /config\.json/,
    { "config.json": json("config.json", { hidden_size: 2 ** 60 }) },
  ],
  [
    "a hidden size of 2^30",
    "unsupported-model",
    /hidden_size/,
    { "config.json": json("config.json", { hidden_size: 2 ** 30 }) },
  ],
  [
    "a hidden size that the weights have not",
    "tensor-shape",
    /embeddings/,
    { "config.json": json("config.json", { hidden_size: 2 ** 20 }) },
  ],
  [
    "a negative size",
    "malformed-file",
    /config\.json/,
    { "config.json": json("config.json", { num_hidden_layers: -1 }) },
  ],
  ["deep JSON as configuration", "malformed-file", /config\.json/, { "config.json": Buffer.from(DEEP) }],
  ["deep JSON as tokenizer", "tokenizer", /.*/, { "tokenizer.json": Buffer.from(DEEP) }],
  ["no JSON as tokenizer", "tokenizer", /.*/, { "tokenizer.json": Buffer.from("\u0000\u0001") }],
  [
    "an unknown module",
    "unsupported-model",
    /modules\.json/,
    { "modules.json": Buffer.from('[{"type":"a.Dense"}]') },
  ],
  ["half of the weights", "malformed-file", /.*/, { [WEIGHTS]: weights.subarray(0, weights.length / 2) }],
  ["a header of 2^60 bytes", "malformed-file", /.*/, { [WEIGHTS]: safetensors("{}", weights, 1n << 60n) }],
  [
    "a header of 2^64 - 1 bytes",
    "malformed-file",
    /.*/,
    { [WEIGHTS]: safetensors("{}", weights, (1n << 64n) - 1n) },
  ],
  ["a header of deep JSON", "malformed-file", /.*/, { [WEIGHTS]: safetensors(DEEP, weights) }],
  [
    "overlapping tensors",
    "malformed-file",
    /.*/,
    changed(({ data_offsets: [a, b] }) => ({ data_offsets: [a + 4, b + 4] })),
  ],
  [
    "a tensor outside of the file",
    "malformed-file",
    /.*/,
    changed(({ data_offsets: [a] }) => ({ data_offsets: [a, 2 ** 40] })),
  ],
  ["a negative shape", "malformed-file", /.*/, changed(({ shape }) => ({ shape: shape.map((n) => -n) }))],
  ["a shape that overflows", "malformed-file", /.*/, changed(() => ({ shape: [2 ** 52, 2 ** 52] }))],
  ["an unknown data type", "malformed-file", /.*/, changed(() => ({ dtype: "F33" }))],
  ["whole numbers as weights", "unsupported-dtype", /embeddings/, changed(() => ({ dtype: "I32" }))],
  [
    "a transposed tensor",
    "tensor-shape",
    /embeddings/,
    changed(({ shape }) => ({ shape: shape.toReversed() })),
  ],
  ["a GGUF file instead of safetensors", "malformed-file", /.*/, { [WEIGHTS]: GGUF }],
  ["nothing at all", "malformed-file", /.*/, { [WEIGHTS]: Buffer.alloc(0) }],
];

const overlapping: ClaimedTensor[] = ["a", "b"].map((name) => ({ name, dimensions: [8n] }));
const bert = { "general.architecture": "bert" };

const GGUFS: Case<Uint8Array>[] = [
  [
    "another architecture",
    "unsupported-model",
    /.*/,
    gguf({ metadata: { "general.architecture": "llama" } }),
  ],
  ["another version", "unsupported-file", /.*/, gguf({ version: 9 })],
  ["half of the file", "malformed-file", /.*/, GGUF.subarray(0, GGUF.length / 2)],
  ["2^60 tensors", "malformed-file", /.*/, gguf({ tensorCount: 1n << 60n })],
  ["2^60 metadata", "malformed-file", /.*/, gguf({ metadataCount: 1n << 60n })],
  ["overlapping tensors", "malformed-file", /.*/, gguf({ metadata: bert, tensors: overlapping })],
  ["a negative shape", "malformed-file", /.*/, gguf({ tensors: [{ name: "a", dimensions: [-1n] }] })],
  [
    "a shape that overflows",
    "malformed-file",
    /.*/,
    gguf({ tensors: [{ name: "a", dimensions: [1n << 33n, 1n << 33n] }] }),
  ],
  [
    "a tensor outside of the file",
    "malformed-file",
    /.*/,
    gguf({ tensors: [{ name: "a", dimensions: [8n], offset: 1n << 60n }] }),
  ],
  [
    "an unknown data type",
    "unsupported-dtype",
    /.*/,
    gguf({ tensors: [{ name: "a", dimensions: [8n], type: 99 }] }),
  ],
  ["missing settings", "malformed-file", /bert\./, gguf({ metadata: bert })],
  ["safetensors instead of a GGUF", "malformed-file", /.*/, weights],
];

describe.skipIf(!hasChromium)("bad input", () => {
  const site = useChromium();
  let good: ModelManifest;
  let megabytes: number;

  beforeAll(async () => {
    // Most of a failing download is waiting for another try.
    site.server.setPrelude(FAST_TIMERS);
    good = hostModel(site.server, GOOD);
    await expectUsable(site.opened, good, GOLDEN);
    megabytes = await site.chromium.quietMegabytes(site.opened);
  });

  async function expectRefused(model: ModelManifest, code: ErrorCode, detail: RegExp) {
    const outcome = await site.opened.page.evaluate(
      (model) => outcomeOf(inglenook.Embedder.create({ model, device: "cpu" })),
      model,
    );
    expect(outcome).toMatchObject({ ok: false, isInglenookError: true, code });
    expect(outcome.message).toMatch(/^[A-Z\w].{10,}/);
    expect(`${outcome.detail} ${outcome.message}`).toMatch(detail);
    expect(await workersLeft(site.opened.page)).toBe(0);
    const cached = await site.opened.page.evaluate(async (model) => {
      return (await inglenook.Embedder.availability({ model })) === "available";
    }, model);
    await expectUsable(site.opened, good, GOLDEN);
    return cached;
  }

  it.each(SERVED)("is refused: the server sends %s", async (_, code, detail, reply) => {
    // A file that no other case has, since what is in the cache is not fetched.
    const files = { ...GOOD, [WEIGHTS]: Buffer.concat([weights]) };
    const manifest = hostModel(site.server, files, { [WEIGHTS]: reply });
    const unseen = { ...manifest, files: manifest.files.filter(({ path }) => path === WEIGHTS) };
    await site.opened.page.evaluate(evictAll);
    expect(await expectRefused(unseen, code, detail)).toBe(false);
  });

  it.each(FOLDERS)("is refused: %s", async (_, code, detail, bad) => {
    await expectRefused(hostModel(site.server, { ...GOOD, ...bad }), code, detail);
  });

  it.each(GGUFS)("is refused: a GGUF with %s", async (_, code, detail, bad) => {
    await expectRefused(hostModel(site.server, { "model.gguf": bad }), code, detail);
  });

  it.each(Object.keys(GOOD))("is refused: no %s", async (path) => {
    const { [path]: _, ...rest } = GOOD;
    await expectRefused(hostModel(site.server, rest), "missing-file", new RegExp(path));
  });

  it("is refused: a tensor that is missing", async () => {
    const renamed = changed(() => ({}), "something.else");
    await expectRefused(hostModel(site.server, { ...GOOD, ...renamed }), "missing-tensor", /embeddings/);
  });

  it("is refused: more bytes than memory can have addresses", async () => {
    const manifest = manifestOf("huge", { "model.gguf": GGUF });
    const files = manifest.files.map((file) => ({ ...file, bytes: 5_000_000_000 }));
    site.server.answer("/models/huge/model.gguf", whole(GGUF));
    await expectRefused({ ...manifest, files }, "out-of-memory", /^5000000000\/4294967295 huge /);
  });

  it("is refused: a model that is not known, a manifest that is none, a device that does not exist", async () => {
    const outcomes = await site.opened.page.evaluate(() => {
      const { Embedder } = inglenook;
      const file = { path: "a", bytes: 1, sha256: "0".repeat(64) };
      const manifests = [
        {},
        { id: "a", files: [] },
        { id: "../a", files: [file] },
        { id: "a", files: [{ ...file, path: "../../secret" }] },
        { id: "a", files: [{ ...file, sha256: "0" }] },
        { id: "a", files: [{ ...file, bytes: -1 }] },
        { id: "a", files: [{ ...file, bytes: 2 ** 60 }] },
      ] as unknown as ModelManifest[];
      return Promise.all([
        outcomeOf(Embedder.create({ model: "gpt-5" })),
        ...manifests.map((model) => outcomeOf(Embedder.create({ model }))),
        outcomeOf(Embedder.create({ device: "npu" as "cpu" })),
        outcomeOf(Embedder.create({ modelHost: "http://[" })),
      ]);
    });
    const [unknown, ...invalid] = outcomes;
    expect(unknown).toMatchObject({ ok: false, code: "unknown-model", detail: "gpt-5" });
    for (const outcome of invalid) expect(outcome).toMatchObject({ ok: false, code: "invalid-input" });
    await expectUsable(site.opened, good, GOLDEN);
  });

  it.each([
    ["/dist/worker.js", "worker"],
    ["/dist/inglenook_cpu_relaxed.js", "worker"],
    ["/dist/inglenook_cpu_relaxed.wasm", "worker"],
  ] as const)("is refused: no %s", async (path, code) => {
    // Without the build with threads, which is not missed.
    if (path !== "/dist/worker.js") site.server.setPrelude(FAST_TIMERS + NOT_ISOLATED);
    for (const reply of [status(404), webPage(), hangUp()]) {
      site.server.answer(path, reply);
      const outcomes = await site.opened.page.evaluate(
        async (model) => [
          await outcomeOf(inglenook.Embedder.create({ model, device: "cpu" })),
          await outcomeOf(inglenook.VectorIndex.create({ dimensions: 2 })),
        ],
        good,
      );
      site.server.restore(path);
      for (const outcome of outcomes)
        expect(outcome).toMatchObject({ ok: false, isInglenookError: true, code });
    }
    site.server.setPrelude(FAST_TIMERS);
    await expectUsable(site.opened, good, GOLDEN);
  });

  it("recovers: a stored file that was tampered with is fetched again", async () => {
    await expectUsable(site.opened, good, GOLDEN);
    const sha256 = good.files.find(({ path }) => path === WEIGHTS)?.sha256 ?? "";
    const before = site.server.requests.length;
    await site.opened.page.evaluate(damage, { name: sha256, at: [weights.length - 1] });
    await expectUsable(site.opened, good, GOLDEN);
    expect(site.server.paths.slice(before).filter((path) => path.includes("hosted-"))).toEqual([
      `/models/${good.id}/${WEIGHTS}`,
    ]);
  });

  it("leaves no memory behind, no error uncaught and no rule broken", async () => {
    expect(await site.chromium.quietMegabytes(site.opened)).toBeLessThan(megabytes + 25);
    expect(site.opened.errors).toEqual([]);
    expect(site.server.violations).toEqual([]);
  });
});

function flipped(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 4;
  return copy;
}

/** A JSON file of the good model with some of its fields changed. */
function json(path: string, fields: object): Buffer {
  const before = JSON.parse(Buffer.from(GOOD[path] as Uint8Array).toString("utf8"));
  return Buffer.from(JSON.stringify({ ...before, ...fields }));
}

/** The good weights with some fields of one table of embeddings changed, or the table renamed. */
function changed(change: (table: TensorEntry) => Partial<TensorEntry>, name?: string): Files {
  const file = withHeader(weights, (header) => {
    const found = Object.entries(header).find(([key]) => /embeddings\.word_embeddings/.test(key));
    if (!found) throw new Error("The golden model has no table of words.");
    const [key, table] = found;
    delete header[key];
    header[name ?? key] = { ...table, ...change(table) };
  });
  return { [WEIGHTS]: file };
}
