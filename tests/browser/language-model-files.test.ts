import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../web/src/index.js";
import { tinyChats, tinyLlama } from "./harness/chats.js";
import { hasChromium, workersLeft } from "./harness/chromium.js";
import { gguf } from "./harness/gguf.js";
import { hostModel, manifestOf } from "./harness/models.js";
import "./harness/page.js";
import { cutInHalf, status, webPage, whole } from "./harness/replies.js";
import { damage } from "./harness/stored-file.js";
import { useChromium } from "./harness/use-chromium.js";

const GOOD = tinyLlama("model-q8_0.gguf");
const TEMPLATE = "{% for message in messages %}";
const TEMPLATE_END = "{% endif %}";
const [chat] = tinyChats();
if (!chat) throw new Error("There is no chat of the tiny model.");

/** The file with all the bytes of `from`, wherever it is, replaced by `to`, which is as long. */
function replaced(from: string | Buffer, to: string | Buffer): Buffer {
  const [a, b] = [Buffer.from(from), Buffer.from(to)];
  if (a.length !== b.length || !GOOD.includes(a)) throw new Error(`${from} cannot be replaced.`);
  const bytes = Buffer.from(GOOD);
  for (let at = bytes.indexOf(a); at >= 0; at = bytes.indexOf(a, at + b.length)) b.copy(bytes, at);
  return bytes;
}

function at(offset: number, change: (bytes: Buffer, offset: number) => void): Buffer {
  const bytes = Buffer.from(GOOD);
  change(bytes, offset);
  return bytes;
}

/** The file with another chat template, filled up with blanks to the length of its own. */
function withTemplate(template: string): Buffer {
  const bytes = Buffer.from(GOOD);
  const start = bytes.indexOf(TEMPLATE);
  const end = bytes.indexOf(TEMPLATE_END, start) + TEMPLATE_END.length;
  bytes.fill(" ", start, end);
  bytes.write(template, start);
  return bytes;
}

/** Files that are no model: what is wrong, and the code that says so. */
const BAD: [what: string, code: ErrorCode | RegExp, file: Uint8Array][] = [
  ["nothing", "malformed-file", Buffer.alloc(0)],
  ["half of the file", "malformed-file", GOOD.subarray(0, GOOD.length / 2)],
  ["the first kilobyte", "malformed-file", GOOD.subarray(0, 1024)],
  ["the wrong magic", /malformed-file|unsupported-file/, at(0, (bytes, i) => bytes.write("GGML", i))],
  ["version 1", "unsupported-file", at(4, (bytes, i) => bytes.writeUInt32LE(1, i))],
  ["version 4", "unsupported-file", at(4, (bytes, i) => bytes.writeUInt32LE(4, i))],
  ["2^40 entries of metadata", "malformed-file", at(16, (bytes, i) => bytes.writeBigUInt64LE(1n << 40n, i))],
  ["2^40 tensors", "malformed-file", at(8, (bytes, i) => bytes.writeBigUInt64LE(1n << 40n, i))],
  [
    "a tensor past the end",
    "malformed-file",
    gguf({
      metadata: { "general.architecture": "llama" },
      tensors: [{ name: "token_embd.weight", dimensions: [64n, 288n], offset: 1n << 40n }],
    }),
  ],
  ["two tensors of one name", "malformed-file", replaced("blk.0.attn_q.weight", "blk.0.attn_k.weight")],
  ["a missing tensor", "missing-tensor", replaced("blk.0.attn_q.weight", "blk.0.attn_x.weight")],
  ["another architecture", "unsupported-model", gguf({ metadata: { "general.architecture": "mamba" } })],
  ["no architecture", /unsupported-model|malformed-file/, gguf({ metadata: {} })],
  ["no vocabulary", /tokenizer|malformed-file/, replaced("tokenizer.ggml.tokens", "tokenizer.ggml.tokenz")],
];

describe.skipIf(!hasChromium)("models from addresses and files", () => {
  const site = useChromium({ fresh: true });
  const host = (path: string, file: Uint8Array) => site.server.answer(path, whole(file));

  it("runs a file from disk, and keeps nothing of it", async () => {
    host("/models/own.gguf", GOOD);
    const found = await site.opened.page.evaluate(
      async ([messages, maxTokens]) => {
        const bytes = await (await fetch("/models/own.gguf")).arrayBuffer();
        const model = new File([bytes], "My model.gguf");
        const seen: number[] = [];
        const session = await inglenook.LanguageModel.create({
          model,
          device: "cpu",
          temperature: 0,
          maxTokens,
          monitor: (monitor) => {
            monitor.ondownloadprogress = ({ loaded }) => seen.push(loaded);
          },
        });
        const answer = await session.prompt(messages);
        const { bytesFetched, model: name, contextUsage } = session;
        session.destroy();
        const kept = await inglenook.models.list();
        const availability = await inglenook.LanguageModel.availability({ model });
        return { answer, bytesFetched, name, contextUsage, seen, kept: kept.length, availability };
      },
      [chat.messages, chat.tokens] as const,
    );
    expect(found).toMatchObject({
      answer: chat.answer,
      bytesFetched: 0,
      name: "My model.gguf",
      contextUsage: chat.promptTokens + chat.tokens,
      kept: 0,
      availability: "available",
    });
    expect([found.seen[0], found.seen.at(-1)]).toEqual([0, 1]);
  });

  it("runs a file from an address, and keeps it", async () => {
    host("/somewhere/tiny.gguf", GOOD);
    const found = await site.opened.page.evaluate(
      async ([messages, maxTokens]) => {
        const { LanguageModel } = inglenook;
        const options = { model: "somewhere/tiny.gguf", device: "cpu", temperature: 0, maxTokens } as const;
        const before = await LanguageModel.availability(options);
        const first = await LanguageModel.create(options);
        const answers = [await first.prompt(messages)];
        const second = await LanguageModel.create({
          ...options,
          model: new URL(options.model, location.href),
        });
        answers.push(await second.prompt(messages));
        const fetched = [first.bytesFetched, second.bytesFetched];
        const after = await LanguageModel.availability(options);
        const { model } = first;
        first.destroy();
        second.destroy();
        return { before, after, answers, fetched, model };
      },
      [chat.messages, chat.tokens] as const,
    );
    expect(found).toEqual({
      before: "downloadable",
      after: "available",
      answers: [chat.answer, chat.answer],
      fetched: [GOOD.length, 0],
      model: "tiny.gguf",
    });
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it("follows progress where the host does not tell the length", async () => {
    site.server.answer("/somewhere/unknown.gguf", (response) => {
      response.writeHead(200, { "Content-Type": "application/octet-stream" });
      response.write(GOOD.subarray(0, 50_000), () => response.end(GOOD.subarray(50_000)));
    });
    const found = await site.opened.page.evaluate(async () => {
      const seen: [number, number][] = [];
      const session = await inglenook.LanguageModel.create({
        model: "somewhere/unknown.gguf",
        device: "cpu",
        monitor: (monitor) => {
          monitor.ondownloadprogress = ({ loaded, bytesLoaded }) => seen.push([loaded, bytesLoaded]);
        },
      });
      session.destroy();
      return seen;
    });
    expect(found[0]).toEqual([0, 0]);
    expect(found.at(-1)).toEqual([1, GOOD.length]);
    expect(found.slice(0, -1).every(([loaded]) => loaded === 0)).toBe(true);
  });

  it.each([
    ["a 404", status(404), "http-status"],
    ["a web page", webPage(), "not-weights"],
    ["half of the file", cutInHalf(GOOD), "incomplete-download"],
  ] as const)("refuses %s, and does not keep it", async (_, reply, code) => {
    const path = "/somewhere/bad.gguf";
    site.server.answer(path, reply);
    const load = () =>
      site.opened.page.evaluate(async () => {
        const creating = inglenook.LanguageModel.create({ model: "/somewhere/bad.gguf", device: "cpu" });
        const outcome = await outcomeOf(creating);
        if (outcome.ok) (await creating).destroy();
        return outcome;
      });
    expect(await load()).toMatchObject({ ok: false, name: "NetworkError", code });
    site.server.answer(path, whole(GOOD));
    expect(await load()).toEqual({ ok: true });
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it("takes the file of a manifest only if its pieces are right, also from the store", async () => {
    const file = tinyLlama("model-q4_1.gguf");
    const flipped = Buffer.from(file);
    flipped.writeUInt8(flipped.readUInt8(file.length / 2) ^ 8, file.length / 2);
    const model = hostModel(site.server, { "model.gguf": file }, { "model.gguf": whole(flipped) });
    const path = `/models/${model.id}/model.gguf`;
    const load = () =>
      site.opened.page.evaluate(async (model) => {
        const creating = inglenook.LanguageModel.create({ model, device: "cpu" });
        const outcome = await outcomeOf(creating);
        if (outcome.ok) (await creating).destroy();
        return outcome;
      }, model);
    expect(await load()).toMatchObject({ ok: false, code: "hash-mismatch" });
    site.server.answer(path, whole(file));
    expect(await load()).toEqual({ ok: true });
    await site.opened.page.evaluate(damage, {
      name: model.files[0]?.sha256 ?? "",
      at: [file.length - 1],
    });
    const before = site.server.requests.length;
    expect(await load()).toEqual({ ok: true });
    expect(site.server.paths.slice(before)).toContain(path);
  });

  it.each(BAD)("refuses %s", async (_, code, file) => {
    const model = hostModel(site.server, { "model.gguf": file });
    host("/somewhere/bad.gguf", file);
    const found = await site.opened.page.evaluate(async (manifest) => {
      const { LanguageModel } = inglenook;
      const bytes = await (await fetch("/somewhere/bad.gguf")).arrayBuffer();
      const models = [manifest, "/somewhere/bad.gguf", new File([bytes], "bad.gguf")];
      const outcomes = [];
      for (const model of models)
        outcomes.push(await outcomeOf(LanguageModel.create({ model, device: "cpu" })));
      return outcomes;
    }, model);
    for (const outcome of found) {
      expect(outcome).toMatchObject({ ok: false, isInglenookError: true, code: expect.stringMatching(code) });
      expect(outcome.message).toMatch(/\.$/);
    }
    expect(await workersLeft(site.opened.page)).toBe(0);
    expect(site.opened.errors).toEqual([]);
  });

  it.each([
    [
      "loops for ever",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
    ],
    ["throws", "{{ raise_exception('No conversation is good enough.') }}"],
    ["is no template", "{% for %}"],
    ["calls what is not there", "{{ open('/etc/passwd').read() }}"],
  ])("survives a template that %s", async (_, template) => {
    const model = hostModel(site.server, { "model.gguf": withTemplate(template) });
    const found = await site.opened.page.evaluate(async (model) => {
      const creating = inglenook.LanguageModel.create({ model, device: "cpu" });
      const created = await outcomeOf(creating);
      if (!created.ok) return [created];
      const session = await creating;
      const outcomes = [
        await outcomeOf(session.prompt("Hello")),
        await outcomeOf(session.append("Hello")),
        await outcomeOf(session.measureContextUsage("Hello")),
      ];
      session.destroy();
      return outcomes;
    }, model);
    for (const outcome of found) expect(outcome).toMatchObject({ ok: false, code: "template" });
    expect(await workersLeft(site.opened.page)).toBe(0);
  });

  it("refuses a prompt that is too long, and settings out of range, and goes on", async () => {
    const model = hostModel(site.server, { "model.gguf": GOOD });
    const found = await site.opened.page.evaluate(
      async ([model, messages, maxTokens]) => {
        const { LanguageModel } = inglenook;
        const session = await LanguageModel.create({ model, device: "cpu", temperature: 0, maxTokens });
        const tooLong = await outcomeOf(session.prompt("blue ".repeat(100_000)));
        const constrained = await outcomeOf(session.prompt("a", { responseConstraint: { type: "string" } }));
        const answer = await session.prompt(messages);
        session.destroy();
        const stop = Array.from({ length: 10_000 }, (_, i) => `stop ${i}`);
        const settings = [
          await outcomeOf(LanguageModel.create({ model, stop })),
          await outcomeOf(LanguageModel.create({ model, temperature: Number.NaN })),
          await outcomeOf(LanguageModel.create({ model, contextWindow: 0 })),
        ];
        return { tooLong, constrained, answer, settings };
      },
      [model, chat.messages, chat.tokens] as const,
    );
    expect(found.tooLong).toMatchObject({ ok: false, name: "QuotaExceededError" });
    expect(found.constrained).toMatchObject({ ok: false, name: "NotSupportedError" });
    expect(found.answer).toBe(chat.answer);
    for (const outcome of found.settings) expect(outcome).toMatchObject({ ok: false, code: "invalid-input" });
  });

  it("refuses a file whose hash is not its manifest's", async () => {
    const manifest = manifestOf("wrong-hash", { "model.gguf": replaced("<|im_start|>", "<|im_stort|>") });
    site.server.answer(`/models/${manifest.id}/model.gguf`, whole(GOOD));
    const outcome = await site.opened.page.evaluate(
      (model) => outcomeOf(inglenook.LanguageModel.create({ model, device: "cpu" })),
      manifest,
    );
    expect(outcome).toMatchObject({ ok: false, name: "NetworkError", code: "hash-mismatch" });
  });
});
