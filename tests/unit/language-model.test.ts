import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { InglenookError } from "../../web/src/errors.js";
import { install, LanguageModel } from "../../web/src/language-model.js";
import { FakeCaches } from "./fake-caches.js";
import { FakeChat, finished, said } from "./fake-chat.js";
import { provenanceOn } from "./fake-provenance.js";
import { FakeWorker } from "./fake-worker.js";

const verifyModel = vi.fn();
vi.mock("../../web/src/load-signature.js", () => ({ loadSignature: async () => ({ verifyModel }) }));

let chat: FakeChat;

beforeEach(() => {
  FakeWorker.reset();
  chat = new FakeChat();
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("location", new URL("https://app.example/page/index.html"));
  vi.stubGlobal("caches", undefined);
});

async function collect(stream: ReadableStream<string>): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of stream as unknown as AsyncIterable<string>) chunks.push(chunk);
  return chunks;
}

/** Lets the worker answer no prompt until the returned function is called. */
function hold(): () => void {
  const held: (() => void)[] = [];
  const plain = FakeWorker.onRequest;
  FakeWorker.onRequest = (worker, message) => {
    if (message.kind === "chat-prompt") held.push(() => plain(worker, message));
    else plain(worker, message);
  };
  return () => {
    FakeWorker.onRequest = plain;
    for (const answer of held.splice(0)) answer();
  };
}

const aborted = { name: "AbortError" };

describe("LanguageModel.create", () => {
  it("takes null for no options, and so does all that a session does", async () => {
    const none = null as unknown as undefined;
    expect(await LanguageModel.availability(none)).toBe("downloadable");
    const session = await LanguageModel.create(none);
    expect(await session.prompt("one", none)).toBe("ONE");
    expect(await collect(session.promptStreaming("two", none))).toEqual(["TWO"]);
    await session.append("three", none);
    expect(await session.measureContextUsage("four", none)).toBe(2);
    expect(await (await session.clone(none)).prompt("five")).toBe("FIVE");
  });

  it("is the one way to a session", () => {
    const Constructor = LanguageModel as unknown as new () => LanguageModel;
    expect(() => new Constructor()).toThrow(new TypeError("Illegal constructor"));
  });

  it("has the hash of a file at an address from its signature, and says so, in clones too", async () => {
    const signature = { algorithm: "P-256", key: "ab" } as const;
    verifyModel.mockImplementationOnce(async (_, source) => ({
      signature,
      source: { ...source, sha256: "cd" },
    }));
    const session = await LanguageModel.create({ model: "own/my%20model.gguf?v=1", publicKey: "PEM" });
    const url = "https://app.example/page/own/my%20model.gguf?v=1";
    const source = { kind: "url", url, name: "my model.gguf" };
    expect(verifyModel).toHaveBeenLastCalledWith("PEM", source, { fetch, signal: undefined });
    expect(FakeWorker.started[0]?.received[0]).toMatchObject({
      params: { source: { ...source, sha256: "cd" }, signature },
    });
    expect(session.provenance).toEqual(chat.loaded.provenance);
    expect((await session.clone()).provenance).toBe(session.provenance);
  });

  it("starts no worker for a model that is refused", async () => {
    verifyModel.mockRejectedValueOnce(new InglenookError("signature-invalid", "No."));
    const refused = LanguageModel.create({ publicKey: "" });
    await expect(refused).rejects.toMatchObject({ name: "NetworkError", code: "signature-invalid" });
    expect(FakeWorker.started).toHaveLength(0);
  });

  it("refuses an address whose name cannot be read", async () => {
    const refused = LanguageModel.create({ model: "%ff.gguf" });
    await expect(refused).rejects.toMatchObject({ code: "invalid-input" });
  });

  it("loads the default model from models/ beside the page", async () => {
    const session = await LanguageModel.create();
    expect(FakeWorker.started[0]?.received[0]).toMatchObject({
      kind: "chat-load",
      params: {
        source: {
          kind: "manifest",
          manifest: { id: "smollm2-135m-instruct", files: [{ path: "SmolLM2-135M-Instruct.Q4_1.gguf" }] },
          modelHost: "https://app.example/page/models/",
        },
        device: "auto",
        contextWindow: 8192,
      },
    });
    expect(session).toBeInstanceOf(LanguageModel);
    expect(session).toMatchObject({ model: "smollm2-135m-instruct", contextUsage: 0, contextWindow: 100 });
    expect(session).toMatchObject({ device: "cpu", fallback: null, bytesFetched: 4, metrics: null });
  });

  it("reads the initial prompts at once, and counts them", async () => {
    const session = await LanguageModel.create({
      initialPrompts: [
        { role: "system", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", value: "one" },
            { type: "text", value: " two" },
          ],
        },
      ],
    });
    expect(chat.conversations).toEqual(["system: Be brief. | user: one two"]);
    expect(chat.prompts[0]?.options).toEqual({ generate: false });
    expect(session.contextUsage).toBe(6);
  });

  it("tells the progress of the download, from 0 to 1", async () => {
    const seen: number[] = [];
    await LanguageModel.create({
      monitor: (monitor) => monitor.addEventListener("downloadprogress", ({ loaded }) => seen.push(loaded)),
    });
    expect(seen).toEqual([0, 1]);
  });

  it.each([
    ["a relative address", "weights/tiny.gguf", "https://app.example/page/weights/tiny.gguf"],
    ["an address with a query", "/tiny.gguf?v=2#x", "https://app.example/tiny.gguf?v=2"],
    ["an absolute address", "https://host.example/model", "https://host.example/model"],
    ["a URL", new URL("https://host.example/a%20b.gguf"), "https://host.example/a%20b.gguf"],
  ])("takes %s", async (_, model, url) => {
    await LanguageModel.create({ model });
    expect(FakeWorker.started[0]?.received[0]).toMatchObject({
      params: { source: { kind: "url", url }, contextWindow: undefined },
    });
  });

  it("takes a file, and calls the model by its name", async () => {
    const file = new File(["GGUF"], "own.gguf");
    expect((await LanguageModel.create({ model: file })).model).toBe("own.gguf");
    expect(FakeWorker.started[0]?.received[0]).toMatchObject({
      params: { source: { kind: "file", name: "own.gguf" } },
    });
  });

  it("takes a manifest, whose window a smaller one replaces", async () => {
    const model = {
      id: "own",
      files: [{ path: "a.gguf", bytes: 4, sha256: "0".repeat(64) }],
      contextWindow: 512,
    };
    await LanguageModel.create({ model });
    await LanguageModel.create({ model, contextWindow: 128 });
    const windows = FakeWorker.started.map(({ received: [load] }) =>
      load?.kind === "chat-load" ? load.params.contextWindow : 0,
    );
    expect(windows).toEqual([512, 128]);
  });

  it.each([
    ["a system message that is not the first", TypeError],
    ["a role that there is not", TypeError],
  ])("refuses %s in the initial prompts", async (what, error) => {
    const first = { role: "user", content: "a" } as const;
    const role = what.startsWith("a system") ? "system" : ("judge" as "user");
    await expect(
      LanguageModel.create({ initialPrompts: [first, { role, content: "b" }] }),
    ).rejects.toBeInstanceOf(error);
    expect(FakeWorker.started).toEqual([]);
  });

  it.each([
    ["temperature", Number.NaN],
    ["temperature", -1],
    ["temperature", Number.POSITIVE_INFINITY],
    ["temperature", 1e39],
    ["presencePenalty", 1e39],
    ["repetitionPenalty", 1e-39],
    ["topK", 1.5],
    ["topP", 2],
    ["minP", -0.1],
    ["repetitionPenalty", 0],
    ["presencePenalty", Number.NaN],
    ["frequencyPenalty", -1],
    ["seed", 0.5],
    ["maxTokens", 0],
    ["contextWindow", -5],
    ["temperature", "hot"],
    ["stop", Array.from({ length: 10_000 }, (_, i) => `${i}`)],
    ["stop", ["a".repeat(257)]],
    ["stop", [""]],
    ["stop", "word"],
    ["device", "gpu"],
    ["modelHost", "https://"],
    ["model", { id: "no files", files: [] }],
  ])("refuses %s: %s", async (name, value) => {
    await expect(LanguageModel.create({ [name]: value })).rejects.toMatchObject({
      code: "invalid-input",
      name: "RangeError",
    });
    expect(FakeWorker.started).toEqual([]);
  });

  it("refuses models, modes, languages and kinds of input that there are not", async () => {
    const { create } = LanguageModel;
    await expect(create({ model: "gpt-9" })).rejects.toMatchObject({ code: "unknown-model" });
    await expect(create({ samplingMode: "wild" as "creative" })).rejects.toBeInstanceOf(TypeError);
    await expect(
      create({ expectedInputs: [{ type: "text", languages: ["not a language"] }] }),
    ).rejects.toBeInstanceOf(RangeError);
    await expect(create({ expectedInputs: [{ type: "smell" as "text" }] })).rejects.toBeInstanceOf(TypeError);
    const unsupported = { name: "NotSupportedError" };
    await expect(create({ expectedInputs: [{ type: "image" }] })).rejects.toMatchObject(unsupported);
    await expect(create({ expectedOutputs: [{ type: "audio" }] })).rejects.toMatchObject(unsupported);
    await expect(create({ tools: [{ name: "clock" }] } as object)).rejects.toMatchObject(unsupported);
    expect(FakeWorker.started).toEqual([]);
  });

  it.each([
    ["http-status", "NetworkError"],
    ["hash-mismatch", "NetworkError"],
    ["unsupported-model", "NotSupportedError"],
    ["malformed-file", "OperationError"],
    ["out-of-memory", "OperationError"],
  ] as const)("gives %s the name %s", async (code, name) => {
    chat.intercept = (worker, { id }) => {
      worker.say({ id, kind: "failed", error: { code, message: "No." } });
      return true;
    };
    await expect(LanguageModel.create()).rejects.toMatchObject({ code, name });
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("says what was requested when the initial prompts do not fit, and ends the worker", async () => {
    chat.intercept = (worker, { id, kind }) => {
      if (kind !== "chat-prompt") return false;
      const error = { code: "context-overflow", message: "No.", detail: "120/100" } as const;
      worker.say({ id, kind: "failed", error });
      return true;
    };
    await expect(
      LanguageModel.create({ initialPrompts: [{ role: "user", content: "long" }] }),
    ).rejects.toMatchObject({ name: "QuotaExceededError", requested: 120, quota: 100 });
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("starts nothing when already aborted, and ends the worker when aborted on the way", async () => {
    await expect(LanguageModel.create({ signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
    expect(FakeWorker.started).toEqual([]);
    chat.intercept = () => true;
    const controller = new AbortController();
    const creation = LanguageModel.create({ signal: controller.signal });
    await vi.waitFor(() => expect(FakeWorker.started).toHaveLength(1));
    controller.abort();
    await expect(creation).rejects.toMatchObject(aborted);
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it.each([
    ["chat-load", { provenance: provenanceOn("cpu"), contextWindow: 100 }],
    ["chat-prompt", finished()],
  ] as const)("leaves no session when aborted just after the answer to %s", async (last, result) => {
    const initialPrompts = last === "chat-prompt" ? [{ role: "user", content: "a" } as const] : [];
    for (let moment = 0; moment < 20; moment++) {
      FakeWorker.reset();
      chat = new FakeChat();
      const controller = new AbortController();
      chat.intercept = (worker, { id, kind }) => {
        if (kind !== last) return false;
        worker.say({ id, kind: "done", result });
        let left = moment;
        const wait = () => void (left-- > 0 ? queueMicrotask(wait) : controller.abort());
        wait();
        return true;
      };
      const creation = LanguageModel.create({ initialPrompts, signal: controller.signal });
      const session = await creation.catch((error) => {
        expect(error).toMatchObject(aborted);
        return undefined;
      });
      await session?.prompt("a").catch((error) => expect(error).toMatchObject(aborted));
      expect(FakeWorker.started[0]?.terminated).toBe(true);
    }
  });

  it("is not held by a signal that outlives it", async () => {
    const { signal } = new AbortController();
    const session = await LanguageModel.create({ signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    session.destroy();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("destroys the session when its signal is aborted later", async () => {
    const controller = new AbortController();
    const session = await LanguageModel.create({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(session.prompt("a")).rejects.toBe(reason);
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });
});

describe("LanguageModel.availability", () => {
  it("tells what is in the cache", async () => {
    const { availability } = LanguageModel;
    const caches = new FakeCaches();
    vi.stubGlobal("caches", caches);
    expect(await availability()).toBe("downloadable");
    const store = (entry: string) => {
      for (const end of ["", "?complete"]) {
        caches.store(`https://inglenook.invalid/${entry}${end}`, Buffer.from("1"));
      }
    };
    store("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
    expect(await availability()).toBe("available");
    expect(await availability({ model: "/tiny.gguf" })).toBe("downloadable");
    store(`url/${encodeURIComponent("https://app.example/tiny.gguf")}`);
    expect(await availability({ model: "/tiny.gguf" })).toBe("available");
    expect(await availability({ model: new Blob(["GGUF"]) })).toBe("available");
  });

  it("tells what cannot be had", async () => {
    vi.stubGlobal("navigator", {});
    const { availability } = LanguageModel;
    expect(await availability({ expectedInputs: [{ type: "image" }] })).toBe("unavailable");
    expect(await availability({ device: "webgpu" })).toBe("unavailable");
    await expect(availability({ model: "gpt-9" })).rejects.toMatchObject({ code: "unknown-model" });
    await expect(availability({ device: "gpu" as "webgpu" })).rejects.toMatchObject({ name: "RangeError" });
  });

  it("knows what this page is downloading", async () => {
    chat.intercept = () => true;
    const controller = new AbortController();
    const creation = LanguageModel.create({ signal: controller.signal });
    await vi.waitFor(() => expect(FakeWorker.started).toHaveLength(1));
    expect(await LanguageModel.availability()).toBe("downloading");
    expect(await LanguageModel.availability({ model: "/other.gguf" })).toBe("downloadable");
    controller.abort();
    await expect(creation).rejects.toMatchObject(aborted);
    expect(await LanguageModel.availability()).toBe("downloadable");
  });
});

describe("prompt", () => {
  it("answers, and the conversation grows", async () => {
    const session = await LanguageModel.create();
    expect(await session.prompt("one two")).toBe("ONE TWO");
    expect(await session.prompt("three")).toBe("THREE");
    expect(chat.conversations).toEqual(["user: one two", "user: one two | assistant: ONE TWO | user: three"]);
    expect(session.contextUsage).toBe(3 + 3 + 2 + 1);
    expect(session.metrics).toMatchObject({ reason: "end", generatedTokens: 1, promptTokens: 8 });
  });

  it("passes on how to choose, and a seed of its own for every answer", async () => {
    const sampling = { temperature: 0.5, topK: 3, topP: 0.9, minP: 0.1, maxTokens: 7, stop: ["\n"] };
    const session = await LanguageModel.create(sampling);
    await session.prompt("a");
    await session.prompt("b");
    const [first, second] = chat.prompts.map(({ options }) => options);
    expect(first).toMatchObject({ generate: true, ...sampling });
    expect(first?.seed).not.toBe(second?.seed);
    const seeded = await LanguageModel.create({ seed: 42, samplingMode: "most-predictable" });
    await seeded.prompt("a");
    expect(chat.prompts.at(-1)?.options).toMatchObject({ seed: 42, temperature: 0 });
    expect(seeded.samplingMode).toBe("most-predictable");
  });

  it("takes messages, an empty list as an empty message, and a prefix that the answer does not repeat", async () => {
    const session = await LanguageModel.create();
    await session.prompt([
      { role: "system", content: "Rhyme." },
      { role: "user", content: "cat" },
    ]);
    await session.prompt([]);
    const answer = await session.prompt([
      { role: "user", content: "dog" },
      { role: "assistant", content: "A dog is", prefix: true },
    ]);
    expect(answer).toBe("DOG");
    expect(chat.prompts.at(-1)?.options.prefix).toBe("A dog is");
    await session.prompt("end");
    expect(chat.conversations.at(-1)).toBe(
      "system: Rhyme. | user: cat | assistant: CAT | user:  | assistant:  | user: dog | assistant: A dog isDOG | user: end",
    );
  });

  it.each([
    ["nothing", undefined, "TypeError"],
    ["a number", 7, "TypeError"],
    ["one message that is not in a list", { role: "user", content: "a" }, "TypeError"],
    ["null in a list", [null], "TypeError"],
    ["a message without content", [{ role: "user" }], "TypeError"],
    ["a role that there is not", [{ role: "judge", content: "a" }], "TypeError"],
    ["content that is a number", [{ role: "user", content: 1 }], "TypeError"],
    ["a type that there is not", [{ role: "user", content: [{ type: "smell", value: "a" }] }], "TypeError"],
    ["a text that is a number", [{ role: "user", content: [{ type: "text", value: 1 }] }], "TypeError"],
    ["an image", [{ role: "user", content: [{ type: "image", value: {} }] }], "NotSupportedError"],
    [
      "an assistant's sound",
      [{ role: "assistant", content: [{ type: "audio", value: {} }] }],
      "NotSupportedError",
    ],
    ["a prefix of the user", [{ role: "user", content: "a", prefix: true }], "SyntaxError"],
    [
      "a prefix that is not the last",
      [
        { role: "assistant", content: "a", prefix: true },
        { role: "user", content: "b" },
      ],
      "SyntaxError",
    ],
    [
      "a system message that is not the first",
      [
        { role: "user", content: "a" },
        { role: "system", content: "b" },
      ],
      "TypeError",
    ],
  ])("refuses %s", async (_, given: unknown, name) => {
    const session = await LanguageModel.create();
    const input = given as string;
    const outcomes = [
      session.prompt(input),
      session.append(input),
      session.measureContextUsage(input),
      collect(session.promptStreaming(input)),
    ];
    for (const outcome of outcomes) await expect(outcome).rejects.toMatchObject({ name });
    expect(chat.prompts).toEqual([]);
  });

  it("refuses a system message once there is a conversation, and a constraint", async () => {
    const session = await LanguageModel.create();
    await session.prompt("a");
    await expect(session.prompt([{ role: "system", content: "b" }])).rejects.toBeInstanceOf(TypeError);
    await expect(session.prompt("b", { responseConstraint: {} })).rejects.toMatchObject({
      name: "NotSupportedError",
    });
    await expect(session.prompt("b", { omitResponseConstraintInput: true })).rejects.toBeInstanceOf(
      TypeError,
    );
    expect(chat.prompts).toHaveLength(1);
  });

  it("does what is asked of one session in order", async () => {
    const release = hold();
    const session = await LanguageModel.create();
    const [first, , second] = [session.prompt("one"), session.append("between"), session.prompt("two")];
    await vi.waitFor(() => expect(chat.kinds()).toContain("chat-prompt"));
    expect(chat.kinds()).toEqual(["chat-load", "chat-prompt"]);
    release();
    expect(await Promise.all([first, second])).toEqual(["ONE", "TWO"]);
    expect(chat.conversations.at(-1)).toBe("user: one | assistant: ONE | user: between | user: two");
  });

  it("leaves the session as it was when aborted: waiting, under way, or too late", async () => {
    const release = hold();
    const session = await LanguageModel.create();
    const [first, second, third] = Array.from({ length: 3 }, () => new AbortController()) as [
      AbortController,
      AbortController,
      AbortController,
    ];
    const underWay = session.prompt("one", { signal: first.signal });
    const waiting = session.prompt("two", { signal: second.signal });
    const spared = session.prompt("three", { signal: third.signal });
    await vi.waitFor(() => expect(chat.kinds()).toContain("chat-prompt"));
    const reason = new Error("enough");
    second.abort(reason);
    first.abort();
    await expect(underWay).rejects.toMatchObject(aborted);
    await expect(waiting).rejects.toBe(reason);
    await vi.waitFor(() => expect(chat.kinds().slice(-2)).toEqual(["abort", "chat-prompt"]));
    release();
    expect(await spared).toBe("THREE");
    third.abort();
    expect(chat.conversations.at(-1)).toBe("user: three");
    expect(await session.prompt("four")).toBe("FOUR");
  });

  it("leaves the session as it was when it fails", async () => {
    const session = await LanguageModel.create();
    await session.prompt("one");
    chat.intercept = (worker, { id, kind }) => {
      if (kind !== "chat-prompt") return false;
      worker.say({ id, kind: "progress", progress: said("half") });
      worker.say({ id, kind: "failed", error: { code: "internal", message: "No." } });
      return true;
    };
    await expect(session.prompt("two")).rejects.toMatchObject({ code: "internal", name: "UnknownError" });
    chat.intercept = () => false;
    const usage = session.contextUsage;
    await session.prompt("three");
    expect(usage).toBe(3);
    expect(chat.conversations.at(-1)).toBe("user: one | assistant: ONE | user: three");
  });

  it("says what was requested when the input does not fit, and remains usable", async () => {
    const session = await LanguageModel.create();
    chat.intercept = (worker, { id, kind }) => {
      if (kind !== "chat-prompt") return false;
      worker.say({
        id,
        kind: "failed",
        error: { code: "context-overflow", message: "No.", detail: "345/100" },
      });
      return true;
    };
    const error = await session.prompt("long").catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toMatchObject({ name: "QuotaExceededError", requested: 345, quota: 100 });
    chat.intercept = () => false;
    expect(await session.prompt("short")).toBe("SHORT");
  });

  it("uses the browser's own QuotaExceededError where there is one", async () => {
    class QuotaExceededError extends DOMException {
      constructor(
        message: string,
        readonly options: { quota: number; requested: number },
      ) {
        super(message, "QuotaExceededError");
      }
    }
    vi.stubGlobal("QuotaExceededError", QuotaExceededError);
    const session = await LanguageModel.create();
    chat.intercept = (worker, { id }) => {
      worker.say({ id, kind: "failed", error: { code: "context-overflow", message: "No.", detail: "3/2" } });
      return true;
    };
    const error = await session.prompt("long").catch((error: unknown) => error);
    expect(error).toBeInstanceOf(QuotaExceededError);
    expect(error).toMatchObject({ options: { requested: 3, quota: 2 } });
    vi.unstubAllGlobals();
  });
});

describe("promptStreaming", () => {
  it("gives the answer piece by piece", async () => {
    const session = await LanguageModel.create();
    expect(await collect(session.promptStreaming("one two three"))).toEqual(["ONE", " TWO", " THREE"]);
    expect(session.contextUsage).toBe(7);
  });

  it("throws when already aborted, and fails when aborted on the way", async () => {
    const session = await LanguageModel.create();
    expect(() => session.promptStreaming("a", { signal: AbortSignal.abort() })).toThrow(
      expect.objectContaining(aborted),
    );
    chat.intercept = (worker, { id, kind }) => {
      if (kind === "chat-prompt") {
        worker.say({ id, kind: "progress", progress: said("half") });
      }
      return kind === "chat-prompt";
    };
    const controller = new AbortController();
    const reader = session.promptStreaming("a", { signal: controller.signal }).getReader();
    expect(await reader.read()).toEqual({ done: false, value: "half" });
    controller.abort();
    await expect(reader.read()).rejects.toMatchObject(aborted);
    expect(session.contextUsage).toBe(0);
  });

  it("may be cancelled at the moment when the answer is over", async () => {
    const session = await LanguageModel.create();
    const rejected = vi.fn();
    process.on("unhandledRejection", rejected);
    for (let moment = 0; moment < 20; moment++) {
      let finish = () => {};
      chat.intercept = (worker, { id, kind }) => {
        finish = () => worker.say({ id, kind: "done", result: finished() });
        return kind === "chat-prompt";
      };
      const stream = session.promptStreaming("a");
      await vi.waitFor(() =>
        expect(chat.kinds().filter((kind) => kind === "chat-prompt")).toHaveLength(moment + 1),
      );
      await null;
      finish();
      for (let left = moment; left > 0; left--) await null;
      await stream.cancel();
    }
    await new Promise((resolve) => setTimeout(resolve));
    process.off("unhandledRejection", rejected);
    expect(rejected).not.toHaveBeenCalled();
  });

  it("stops the model when the stream is cancelled, and takes the turn back", async () => {
    const release = hold();
    const session = await LanguageModel.create();
    const stream = session.promptStreaming("a");
    await vi.waitFor(() => expect(chat.kinds()).toContain("chat-prompt"));
    await stream.cancel();
    await vi.waitFor(() => expect(chat.kinds()).toContain("abort"));
    release();
    expect(await session.prompt("b")).toBe("B");
    expect(chat.conversations.at(-1)).toBe("user: b");
  });
});

describe("promptStreaming where streams cannot be iterated", () => {
  const native = Object.getOwnPropertyDescriptor(ReadableStream.prototype, Symbol.asyncIterator);

  beforeEach(() => {
    Reflect.deleteProperty(ReadableStream.prototype, Symbol.asyncIterator);
  });

  afterEach(() => {
    Object.defineProperty(ReadableStream.prototype, Symbol.asyncIterator, native ?? {});
  });

  it("can be iterated all the same, and is closed and free afterwards", async () => {
    const session = await LanguageModel.create();
    const stream = session.promptStreaming("one two three");
    expect(await collect(stream)).toEqual(["ONE", " TWO", " THREE"]);
    expect(stream.locked).toBe(false);
    expect(await collect(stream)).toEqual([]);
  });

  it("fails in the loop when aborted", async () => {
    const session = await LanguageModel.create();
    chat.intercept = (_, { kind }) => kind === "chat-prompt";
    const controller = new AbortController();
    const collecting = collect(session.promptStreaming("a", { signal: controller.signal }));
    controller.abort();
    await expect(collecting).rejects.toMatchObject(aborted);
  });

  it("is cancelled by who leaves the loop", async () => {
    const session = await LanguageModel.create();
    chat.intercept = (worker, { id, kind }) => {
      if (kind === "chat-prompt") {
        worker.say({ id, kind: "progress", progress: said("half") });
      }
      return kind === "chat-prompt";
    };
    const seen: string[] = [];
    for await (const text of session.promptStreaming("a")) {
      seen.push(text);
      break;
    }
    expect(seen).toEqual(["half"]);
    expect(chat.kinds().at(-1)).toBe("abort");
    expect(session.contextUsage).toBe(0);
  });
});

describe("append", () => {
  it("has messages read, and answers nothing", async () => {
    const session = await LanguageModel.create();
    expect(await session.append("one")).toBeUndefined();
    await session.append([{ role: "assistant", content: "two", prefix: true }]);
    expect(session.contextUsage).toBe(4);
    expect(session.metrics).toBeNull();
    await session.prompt("three");
    expect(chat.conversations.at(-1)).toBe("user: one | assistant: two | user: three");
    expect(chat.prompts.map(({ options }) => options.generate)).toEqual([false, false, true]);
  });
});

describe("context", () => {
  it("measures what an input would add", async () => {
    const session = await LanguageModel.create({
      initialPrompts: [{ role: "system", content: "Be brief." }],
    });
    expect(await session.measureContextUsage("one two")).toBe(3);
    expect(await session.measureContextUsage([{ role: "user", content: "one" }])).toBe(2);
    await expect(session.measureContextUsage("one", { signal: AbortSignal.abort() })).rejects.toMatchObject(
      aborted,
    );
    expect(session.contextUsage).toBe(3);
  });

  it("measures against the conversation as it was when asked", async () => {
    const session = await LanguageModel.create();
    let count = () => {};
    chat.intercept = (worker, { id, kind }) => {
      count = () => worker.say({ id, kind: "done", result: 3 });
      return kind === "chat-count";
    };
    const measured = session.measureContextUsage("one two");
    await vi.waitFor(() => expect(chat.kinds()).toContain("chat-count"));
    const answer = count;
    await session.prompt("three four five");
    answer();
    expect(await measured).toBe(3);
  });

  it("leaves out the oldest messages that are not initial, says so, and does not take them back", async () => {
    const session = await LanguageModel.create({
      initialPrompts: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "first" },
      ],
    });
    await session.prompt("one");
    await session.prompt("two");
    const events: string[] = [];
    session.oncontextoverflow = ({ type }) => events.push(`handler ${type}`);
    session.addEventListener("contextoverflow", ({ type }) => events.push(`listener ${type}`));
    chat.intercept = (worker, { id, kind }) => {
      if (kind !== "chat-prompt") return false;
      worker.say({ id, kind: "progress", progress: { dropped: 2 } });
      worker.say({ id, kind: "failed", error: { code: "internal", message: "No." } });
      return true;
    };
    await expect(session.prompt("three")).rejects.toMatchObject({ code: "internal" });
    chat.intercept = () => false;
    expect(events).toEqual(["handler contextoverflow", "listener contextoverflow"]);
    expect(session.contextUsage).toBe(3 + 2 + 2 + 2);
    await session.prompt("four");
    expect(chat.prompts.at(-1)?.keep).toBe(2);
    expect(chat.conversations.at(-1)).toBe(
      "system: Be brief. | user: first | user: two | assistant: TWO | user: four",
    );
  });
});

describe("context that overflows", () => {
  /** Has the worker leave messages out of every prompt, and then answer it, unless `hang`. */
  const overflow = (dropped: number, hang = false) => {
    chat.intercept = (worker, { id, kind }) => {
      if (kind !== "chat-prompt") return false;
      worker.say({ id, kind: "progress", progress: { dropped } });
      return hang;
    };
  };

  const overflowOf = (session: LanguageModel) =>
    new Promise((resolve) => session.addEventListener("contextoverflow", resolve));

  it("leaves out of the old messages first, then of the new ones", async () => {
    const session = await LanguageModel.create({ initialPrompts: [{ role: "system", content: "Rhyme." }] });
    await session.append("old");
    overflow(3);
    const last = { role: "user", content: "last" } as const;
    await session.append([{ role: "user", content: "new" }, { role: "assistant", content: "said" }, last]);
    overflow(0);
    await session.prompt("next");
    expect(chat.conversations.at(-1)).toBe("system: Rhyme. | user: last | user: next");
  });

  it("leaves out of the first prompt of a session, and never its system message", async () => {
    const session = await LanguageModel.create();
    overflow(1);
    await session.append([
      { role: "system", content: "Rhyme." },
      { role: "user", content: "one" },
      { role: "user", content: "two" },
    ]);
    overflow(0);
    await session.prompt("next");
    expect(chat.conversations.at(-1)).toBe("system: Rhyme. | user: two | user: next");
  });

  it("counts anew what is left when the prompt that overflowed is aborted", async () => {
    const session = await LanguageModel.create();
    await session.append("one");
    await session.append("two words");
    expect(session.contextUsage).toBe(5);
    for (const usage of [3, 0]) {
      overflow(1, true);
      const controller = new AbortController();
      const prompting = session.prompt("three", { signal: controller.signal });
      await overflowOf(session);
      controller.abort();
      await expect(prompting).rejects.toMatchObject(aborted);
      await vi.waitFor(() => expect(session.contextUsage).toBe(usage));
    }
    chat.intercept = () => false;
    expect(await session.prompt("four")).toBe("FOUR");
    expect(chat.conversations.at(-1)).toBe("user: four");
  });

  it("may be destroyed before it is counted", async () => {
    const session = await LanguageModel.create();
    await session.append("one");
    await session.append("two");
    overflow(1, true);
    const prompting = session.prompt("three");
    await overflowOf(session);
    session.destroy();
    await expect(prompting).rejects.toMatchObject(aborted);
    expect(session.contextUsage).toBe(4);
  });
});

describe("clone", () => {
  it("goes on from the same conversation, each for itself, in the same worker", async () => {
    const session = await LanguageModel.create({ temperature: 0.1 });
    await session.prompt("one");
    const clone = await session.clone();
    expect(clone.contextUsage).toBe(3);
    await Promise.all([session.prompt("two"), clone.prompt("three")]);
    expect(chat.conversations.slice(-2)).toEqual([
      "user: one | assistant: ONE | user: two",
      "user: one | assistant: ONE | user: three",
    ]);
    expect(chat.prompts.map(({ session }) => session)).toEqual([0, 0, 1]);
    expect(chat.prompts.at(-1)?.options.temperature).toBe(0.1);
    expect(FakeWorker.started).toHaveLength(1);
    expect(FakeWorker.started[0]?.received).toContainEqual(
      expect.objectContaining({ kind: "chat-fork", params: { session: 0, to: 1 } }),
    );
  });

  it("is not made when aborted", async () => {
    const session = await LanguageModel.create();
    await expect(session.clone({ signal: AbortSignal.abort() })).rejects.toMatchObject(aborted);
  });

  it("keeps the worker until the last session is destroyed", async () => {
    const session = await LanguageModel.create();
    const clone = await session.clone();
    session.destroy();
    await expect(session.prompt("a")).rejects.toMatchObject(aborted);
    expect(FakeWorker.started[0]?.terminated).toBe(false);
    expect(FakeWorker.started[0]?.received.at(-1)).toMatchObject({
      kind: "chat-close",
      params: { session: 0 },
    });
    expect(await clone.prompt("b")).toBe("B");
    clone.destroy();
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });
});

describe("destroy", () => {
  it("rejects what is pending and what comes later, and what was known stays so", async () => {
    const session = await LanguageModel.create();
    await session.prompt("one");
    hold();
    const pending = [session.prompt("two"), session.append("three")];
    const reader = session.promptStreaming("four").getReader();
    const reading = reader.read();
    session.destroy();
    session.destroy();
    for (const call of [...pending, reading]) await expect(call).rejects.toMatchObject(aborted);
    const later = [
      session.prompt("a"),
      session.append("a"),
      session.clone(),
      session.measureContextUsage("a"),
    ];
    for (const call of later) await expect(call).rejects.toMatchObject(aborted);
    expect(() => session.promptStreaming("a")).toThrow(expect.objectContaining(aborted));
    expect(session).toMatchObject({ contextUsage: 3, contextWindow: 100, device: "cpu" });
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });
});

describe("when the GPU fails", () => {
  const onGpu = () => {
    chat.loaded = { provenance: provenanceOn("webgpu"), contextWindow: 100 };
  };
  /** The first worker dies at its second prompt, after saying some of the answer; the second is on the CPU. */
  const loseGpu = (texts: string[]) => {
    let prompts = 0;
    chat.intercept = (worker, { id, kind }) => {
      if (worker !== FakeWorker.started[0]) {
        chat.loaded = { provenance: provenanceOn("cpu"), contextWindow: 100 };
        return false;
      }
      if (kind !== "chat-prompt" || ++prompts < 2) return false;
      texts.forEach((text, i) => {
        worker.say({ id, kind: "progress", progress: said(text, i + 1) });
      });
      worker.say({ kind: "died", error: { code: "gpu-lost", message: "Lost." } });
      return true;
    };
  };

  it("goes on from what was said, in a new worker, and tells every session", async () => {
    onGpu();
    const session = await LanguageModel.create({ maxTokens: 10 });
    const clone = await session.clone();
    const changes = vi.fn();
    session.ondevicechange = changes;
    clone.addEventListener("devicechange", changes);
    loseGpu(["Say", " it"]);
    await session.prompt("one");
    expect(await collect(session.promptStreaming("two"))).toEqual(["Say", " it", "TWO"]);
    expect(chat.prompts.at(-1)?.options).toMatchObject({ prefix: "Say it", maxTokens: 8 });
    expect(session).toMatchObject({ device: "cpu", fallback: { reason: "device-lost" } });
    expect(changes).toHaveBeenCalledTimes(2);
    await session.prompt("three");
    expect(chat.conversations.at(-1)).toBe(
      "user: one | assistant: ONE | user: two | assistant: Say itTWO | user: three",
    );
    expect(await clone.prompt("four")).toBe("FOUR");
    expect(FakeWorker.started).toHaveLength(2);
  });

  it("counts what was said before once, and adds the times up", async () => {
    onGpu();
    const session = await LanguageModel.create();
    loseGpu(["Say", " it"]);
    await session.prompt("one");
    await session.prompt("two");
    expect(session.metrics).toMatchObject({ promptTokens: 6, generatedTokens: 2 + 1 });
    expect(session.metrics).toMatchObject({ firstTokenMs: 10, prefillMs: 5 + 1, decodeMs: 2 + 1 });
    expect(session.contextUsage).toBe(6 + 3);
  });

  it("begins again where nothing was said, and keeps a prefix", async () => {
    onGpu();
    const session = await LanguageModel.create();
    loseGpu([]);
    await session.prompt("one");
    const prefix = { role: "assistant", content: "So", prefix: true } as const;
    expect(await session.prompt([{ role: "user", content: "two" }, prefix])).toBe("TWO");
    expect(chat.prompts.at(-1)?.options.prefix).toBe("So");
  });

  it("rejects, now and later, when the GPU was demanded", async () => {
    onGpu();
    vi.stubGlobal("navigator", { gpu: {} });
    const session = await LanguageModel.create({ device: "webgpu" });
    loseGpu(["Say"]);
    await session.prompt("one");
    await expect(session.prompt("two")).rejects.toMatchObject({ code: "gpu-lost", name: "UnknownError" });
    await expect(session.prompt("three")).rejects.toMatchObject({ code: "gpu-lost" });
    expect(FakeWorker.started).toHaveLength(1);
  });

  it("can be destroyed while it moves", async () => {
    onGpu();
    const session = await LanguageModel.create();
    loseGpu([]);
    await session.prompt("one");
    const plain = chat.intercept;
    chat.intercept = (worker, message) => message.kind === "chat-load" || plain(worker, message);
    const pending = session.prompt("two");
    await vi.waitFor(() => expect(FakeWorker.started).toHaveLength(2));
    session.destroy();
    await expect(pending).rejects.toMatchObject(aborted);
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([true, true]);
  });
});

describe("when the GPU fails and the session ends", () => {
  it("leaves no worker, even if the new one is ready at that moment", async () => {
    chat.loaded = { provenance: provenanceOn("webgpu"), contextWindow: 100 };
    const session = await LanguageModel.create();
    let ready = () => {};
    chat.intercept = (worker, { id, kind }) => {
      if (kind === "chat-prompt") worker.say({ kind: "died", error: { code: "gpu-lost", message: "Lost." } });
      ready = () =>
        worker.say({ id, kind: "done", result: { ...chat.loaded, provenance: provenanceOn("cpu") } });
      return true;
    };
    const pending = session.prompt("one");
    await vi.waitFor(() => expect(chat.kinds(1)).toEqual(["chat-load"]));
    ready();
    session.destroy();
    await expect(pending).rejects.toMatchObject(aborted);
    await new Promise((resolve) => setTimeout(resolve));
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([true, true]);
  });
});

describe("install", () => {
  it("puts the class where the browser has none", () => {
    vi.stubGlobal("LanguageModel", undefined);
    expect(install()).toBe(true);
    expect((globalThis as { LanguageModel?: unknown }).LanguageModel).toBe(LanguageModel);
    expect(install()).toBe(false);
    const native = class {};
    vi.stubGlobal("LanguageModel", native);
    expect(install()).toBe(false);
    expect((globalThis as { LanguageModel?: unknown }).LanguageModel).toBe(native);
    vi.unstubAllGlobals();
  });
});
