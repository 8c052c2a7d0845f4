import type { LanguageModel } from "inglenook";
import { describe, expect, it } from "vitest";
import { Conversation, heard, parseTurns, type Turn } from "../../web/demo/src/chat/conversation";
import { pieces, runs } from "../../web/demo/src/chat/markup";
import { Talk } from "../../web/demo/src/chat/talk";
import type { Model } from "../../web/demo/src/work/model";

describe("a kept conversation", () => {
  it("is read back as it was written", () => {
    const turns = [
      { role: "user", content: "Hello" },
      { role: "assistant", content: "Hello!" },
    ] as const;
    expect(parseTurns(JSON.stringify(turns))).toEqual(turns);
  });

  it("is empty where it was changed by something else", () => {
    for (const text of [
      null,
      "",
      "{",
      "{}",
      "[1]",
      '[{"role":"system","content":"x"}]',
      '[{"role":"user"}]',
    ]) {
      expect(parseTurns(text)).toEqual([]);
    }
  });
});

describe("pieces of an answer", () => {
  it("are text and fenced code", () => {
    expect(pieces("Try this:\n\n```js\nlet a;\n\nlet b;\n```\nDone.")).toEqual([
      { kind: "text", text: "Try this:" },
      { kind: "code", text: "let a;\n\nlet b;", language: "js" },
      { kind: "text", text: "Done." },
    ]);
  });

  it("follow code that is still being written", () => {
    expect(pieces("```\nlet a")).toEqual([{ kind: "code", text: "let a", language: "" }]);
    expect(pieces("")).toEqual([]);
  });
});

describe("runs of a text", () => {
  it("are plain, strong and code", () => {
    expect(runs("Use **both** of `a*b` and c.")).toEqual([
      { kind: "plain", text: "Use " },
      { kind: "strong", text: "both" },
      { kind: "plain", text: " of " },
      { kind: "code", text: "a*b" },
      { kind: "plain", text: " and c." },
    ]);
    expect(runs("**a** `b`").map(({ kind }) => kind)).toEqual(["strong", "plain", "code"]);
  });

  it("are plain where nothing is closed, or nothing is meant", () => {
    for (const text of ["an **open", "2 ** 3 ** 4", "a ` b", "**", "****", "``", "a\n* b\n* c"]) {
      expect(runs(text)).toEqual([{ kind: "plain", text }]);
    }
    expect(runs("")).toEqual([]);
  });

  it("are found in time that grows with the length", () => {
    const started = performance.now();
    for (const text of ["**a".repeat(20_000), "`".repeat(20_001), "** ".repeat(20_000)]) runs(text);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("what the model hears", () => {
  const question = (content: string): Turn => ({ role: "user", content });
  const answer: Turn = { role: "assistant", content: "yes" };

  it("is the conversation without questions that others followed", () => {
    const [a, b, c] = [question("a"), question("b"), question("c")];
    expect(heard([a, answer, b, c, answer])).toEqual([a, answer, c, answer]);
    expect(heard([a, b])).toEqual([b]);
    expect(heard([a, answer, b])).toEqual([a, answer, b]);
  });
});

/** A session that answers a question with its words, reversed, and takes in both once it is through, as the package's do. */
class FakeSession extends EventTarget {
  contextUsage = 0;
  readonly contextWindow = 100;
  readonly metrics = { generatedTokens: 11, decodeMs: 100 };
  heard: Turn[] = [];
  /** What it was prompted with, call by call. */
  prompts: Turn[][] = [];
  destroyed = false;
  clones: FakeSession[] = [];

  constructor(readonly behaviour: { failWith: unknown; pause: Promise<void> | null; isDeaf: boolean }) {
    super();
  }

  async clone() {
    const clone = new FakeSession(this.behaviour);
    clone.heard = [...this.heard];
    clone.contextUsage = this.contextUsage;
    this.clones.push(clone);
    return clone;
  }

  async *promptStreaming(turns: readonly Turn[], { signal }: { signal: AbortSignal }) {
    this.prompts.push([...turns]);
    const all = [...this.heard, ...turns];
    if (all.some(({ role }, at) => (role === "user") !== (at % 2 === 0))) throw new Error("out of turn");
    let answer = "";
    for (const word of turns.at(-1)?.content.split(" ").reverse() ?? []) {
      await this.behaviour.pause;
      if (!this.behaviour.isDeaf) signal.throwIfAborted();
      if (this.behaviour.failWith !== null) throw this.behaviour.failWith;
      answer += `${word} `;
      yield `${word} `;
    }
    this.heard = [...all, { role: "assistant", content: answer }];
    this.contextUsage += 10 * turns.length;
  }

  destroy() {
    this.destroyed = true;
  }
}

class FakeModel extends EventTarget {
  readonly behaviour: FakeSession["behaviour"] = { failWith: null, pause: null, isDeaf: false };
  current: FakeSession | null = null;
  loads = 0;
  failures: unknown[] = [];
  /** What loading waits for. */
  arrival: Promise<void> = Promise.resolve();

  async load() {
    if (this.current) return this.current;
    await this.arrival;
    this.loads++;
    this.current = new FakeSession(this.behaviour);
    this.dispatchEvent(new Event("change"));
    return this.current;
  }

  fail(error: unknown) {
    this.failures.push(error);
    this.current = null;
    this.dispatchEvent(new Event("change"));
  }
}

function setUp(turns: Turn[] = []) {
  const model = new FakeModel();
  const conversation = new Conversation(turns);
  const talk = new Talk(model as unknown as Model<LanguageModel>, conversation);
  /** All sessions but the first, which reads nothing. */
  const sessions = () => {
    const found = model.current ? [...model.current.clones] : [];
    for (const session of found) found.push(...session.clones);
    return found;
  };
  const prompts = () => sessions().flatMap((session) => session.prompts.map(contents));
  return { model, conversation, talk, sessions, prompts };
}

const contents = (turns: readonly Turn[]) => turns.map(({ content }) => content.trim());
const said = (conversation: Conversation) => contents(conversation.turns);
const failure = (code: string) => Object.assign(new Error("no"), { code });
const soon = () => new Promise((resolve) => setTimeout(resolve));

describe("Talk", () => {
  it("adds questions and answers, and has the model read only what is new", async () => {
    const { conversation, talk, prompts, sessions } = setUp();
    await talk.send("a b");
    await talk.send("c d");
    expect(said(conversation)).toEqual(["a b", "b a", "c d", "d c"]);
    expect(prompts()).toEqual([["a b"], ["c d"]]);
    expect(contents(sessions().at(-1)?.heard ?? [])).toEqual(said(conversation));
    expect(talk.speed).toBe(100);
    expect(talk.room).toEqual({ used: 20, window: 100 });
    expect(talk.state.phase).toBe("idle");
  });

  it("lets the model read a kept conversation first", async () => {
    const kept: Turn[] = [
      { role: "user", content: "x" },
      { role: "assistant", content: "y" },
    ];
    const { talk, sessions } = setUp(kept);
    await talk.send("a b");
    expect(sessions()[0]?.heard.slice(0, 2)).toEqual(kept);
  });

  it("answers again, and answers an edited question, from what came before it, without reading that again", async () => {
    const { conversation, talk, prompts, sessions } = setUp();
    await talk.send("a b");
    await talk.send("c d");
    await talk.regenerate();
    expect(said(conversation)).toEqual(["a b", "b a", "c d", "d c"]);
    expect(prompts()).toEqual([["a b"], ["c d"], ["c d"]]);
    await talk.edit(2, "e f");
    expect(said(conversation)).toEqual(["a b", "b a", "e f", "f e"]);
    expect(prompts().at(-1)).toEqual(["e f"]);
    await talk.edit(0, "g h");
    expect(said(conversation)).toEqual(["g h", "h g"]);
    expect(contents(sessions().filter(({ destroyed }) => !destroyed)[0]?.heard ?? [])).toEqual([
      "g h",
      "h g",
    ]);
  });

  it("keeps two sessions at most, and of a long conversation one", async () => {
    const { conversation, talk, sessions } = setUp();
    const alive = () => sessions().filter(({ destroyed }) => !destroyed);
    for (const question of ["a b", "c d", "e f"]) {
      await talk.send(question);
      expect(alive().length).toBeLessThanOrEqual(2);
    }
    await talk.regenerate();
    expect(alive()).toHaveLength(2);
    for (const session of alive()) session.contextUsage = 3000;
    await talk.send("g h");
    expect(alive()).toHaveLength(1);
    await talk.regenerate();
    expect(said(conversation)).toEqual(["a b", "b a", "c d", "d c", "e f", "f e", "g h", "h g"]);
    expect(alive()[0]?.heard).toHaveLength(8);
  });

  it("keeps what there is of an answer that is stopped, and goes on from there", async () => {
    const { model, conversation, talk, prompts } = setUp();
    model.behaviour.pause = Promise.resolve();
    talk.addEventListener("partial", () => talk.stop(), { once: true });
    await talk.send("a b c");
    expect(said(conversation)).toEqual(["a b c", "c"]);
    expect(talk.state.phase).toBe("idle");
    await talk.send("d e");
    expect(said(conversation)).toEqual(["a b c", "c", "d e", "e d"]);
    expect(prompts().at(-1)).toEqual(["a b c", "c", "d e"]);
  });

  it("says what failed, and can be asked again", async () => {
    const { model, conversation, talk } = setUp();
    model.behaviour.failWith = new Error("out of order");
    await talk.send("a b");
    expect(talk.state).toMatchObject({ phase: "failed", failure: { message: "out of order" } });
    expect(said(conversation)).toEqual(["a b"]);
    model.behaviour.failWith = null;
    await talk.regenerate();
    expect(said(conversation)).toEqual(["a b", "b a"]);
  });

  it.each(["worker", "out-of-memory", "internal", "gpu-lost", "destroyed"])(
    "gives up a model that is gone with `%s`, and the next message loads another",
    async (code) => {
      const { model, conversation, talk } = setUp();
      await talk.send("a b");
      model.behaviour.failWith = failure(code);
      await talk.send("c d");
      expect(talk.state).toMatchObject({ phase: "failed", failure: { code } });
      expect(model.failures).toEqual([model.behaviour.failWith]);
      model.behaviour.failWith = null;
      await talk.regenerate();
      expect(model.loads).toBe(2);
      expect(said(conversation)).toEqual(["a b", "b a", "c d", "d c"]);
      expect(model.current?.clones[0]?.prompts.map(contents)).toEqual([["a b", "b a", "c d"]]);
    },
  );

  it("keeps a model that only refused a message", async () => {
    const { model, talk, sessions } = setUp();
    for (const code of ["template", "context-overflow", "invalid-input"]) {
      model.behaviour.failWith = failure(code);
      await talk.send("a b");
      expect(talk.state).toMatchObject({ phase: "failed", failure: { code } });
    }
    expect(model.failures).toEqual([]);
    expect(model.loads).toBe(1);
    expect(sessions().map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  });

  it("leaves the model alone that has come in the place of the one that failed", async () => {
    const { model, talk } = setUp();
    let go = () => {};
    model.behaviour.pause = new Promise((resolve) => {
      go = resolve;
    });
    const answered = talk.send("a b c");
    await soon();
    model.current = new FakeSession(model.behaviour);
    model.behaviour.failWith = failure("worker");
    go();
    await answered;
    expect(talk.state).toMatchObject({ phase: "failed", failure: { code: "worker" } });
    expect(model.failures).toEqual([]);
  });

  it("forgets what went wrong, and how fast it was, once another model is there", async () => {
    const { model, talk } = setUp();
    await talk.send("x y");
    expect(talk.speed).toBe(100);
    model.behaviour.failWith = failure("worker");
    await talk.send("a b");
    expect(talk.state.phase).toBe("failed");
    await model.load();
    expect(talk.state.phase).toBe("idle");
    expect(talk.speed).toBeNull();
  });

  it.each([
    [
      "failed",
      async ({ model, talk }: ReturnType<typeof setUp>) => {
        model.behaviour.failWith = failure("context-overflow");
        await talk.send("far too long");
        model.behaviour.failWith = null;
      },
    ],
    [
      "was stopped",
      async ({ model, talk }: ReturnType<typeof setUp>) => {
        model.behaviour.pause = soon().then(() => undefined);
        const answered = talk.send("far too long");
        await Promise.resolve();
        talk.stop();
        await answered;
      },
    ],
  ])("leaves out a question that %s before a word was said, once another one follows", async (_, leave) => {
    const parts = setUp();
    const { conversation, talk, prompts } = parts;
    await talk.send("a b");
    await leave(parts);
    expect(said(conversation)).toEqual(["a b", "b a", "far too long"]);
    await talk.send("c d");
    expect(talk.state.phase).toBe("idle");
    expect(said(conversation)).toEqual(["a b", "b a", "far too long", "c d", "d c"]);
    expect(prompts().at(-1)).toEqual(["c d"]);
    await talk.edit(2, "e f");
    expect(said(conversation)).toEqual(["a b", "b a", "e f", "f e"]);
  });

  it("stops at once while the model is loaded, and loads it on", async () => {
    const { model, conversation, talk } = setUp();
    let arrive = () => {};
    model.arrival = new Promise((resolve) => {
      arrive = resolve;
    });
    const answered = talk.send("a b");
    expect(talk.state.phase).toBe("reading");
    talk.stop();
    await answered;
    expect(talk.busy).toBe(false);
    expect(said(conversation)).toEqual(["a b"]);
    arrive();
    await soon();
    expect(model.loads).toBe(1);
    expect(said(conversation)).toEqual(["a b"]);
    await talk.regenerate();
    expect(said(conversation)).toEqual(["a b", "b a"]);
  });

  it("answers once when it was cleared and asked again while the model was loaded", async () => {
    const { model, conversation, talk } = setUp();
    let arrive = () => {};
    model.arrival = new Promise((resolve) => {
      arrive = resolve;
    });
    const first = talk.send("a b");
    talk.clear();
    const second = talk.send("c d");
    arrive();
    await Promise.all([first, second]);
    expect(said(conversation)).toEqual(["c d", "d c"]);
    expect(talk.state.phase).toBe("idle");
  });

  it("lets an answer that was given up change nothing of the next, even if it goes on", async () => {
    const { model, conversation, talk } = setUp();
    model.behaviour.isDeaf = true;
    model.behaviour.pause = Promise.resolve();
    let second: Promise<void> | null = null;
    const partials: string[] = [];
    talk.addEventListener("partial", () => {
      partials.push(talk.partial.trim());
      if (second !== null) return;
      talk.clear();
      second = talk.send("d e");
    });
    await talk.send("a b c");
    await second;
    expect(said(conversation)).toEqual(["d e", "e d"]);
    expect(partials).toEqual(["c", "e", "e d"]);
  });

  it("forgets everything when it is cleared in the middle of an answer", async () => {
    const { model, conversation, talk } = setUp();
    model.behaviour.pause = Promise.resolve();
    talk.addEventListener("partial", () => talk.clear(), { once: true });
    await talk.send("a b c");
    expect(conversation.turns).toEqual([]);
    expect(talk.state.phase).toBe("idle");
  });

  it("says that the window is full until the conversation is erased", async () => {
    const { talk, sessions } = setUp();
    await talk.send("a b");
    sessions().at(-1)?.dispatchEvent(new Event("contextoverflow"));
    expect(talk.overflowed).toBe(true);
    await talk.send("c d");
    expect(talk.overflowed).toBe(true);
    talk.clear();
    expect(talk.overflowed).toBe(false);
    await talk.send("e f");
    expect(talk.overflowed).toBe(false);
  });

  it("ignores a second question while it answers", async () => {
    const { conversation, talk } = setUp();
    await Promise.all([talk.send("a b"), talk.send("c d")]);
    expect(said(conversation)).toEqual(["a b", "b a"]);
  });

  it("takes an answer of no words for an answer", async () => {
    const { model, conversation, talk } = setUp();
    const empty = async function* () {};
    const session = await model.load();
    session.clone = async () => Object.assign(new FakeSession(model.behaviour), { promptStreaming: empty });
    await talk.send("a b");
    expect(said(conversation)).toEqual(["a b", ""]);
    expect(talk.state.phase).toBe("idle");
  });
});
