import type { LanguageModel } from "inglenook";
import { describe, expect, it } from "vitest";
import { Conversation, parseTurns, type Turn } from "../../web/demo/src/chat/conversation";
import { pieces } from "../../web/demo/src/chat/markup";
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

/** A session that answers a question with its words, reversed; it ends when it is told to. */
class FakeSession extends EventTarget {
  contextUsage = 0;
  readonly contextWindow = 100;
  readonly metrics = { generatedTokens: 11, decodeMs: 100 };
  heard: Turn[] = [];
  destroyed = false;
  clones: FakeSession[] = [];
  failWith: unknown = null;
  pause: Promise<void> | null = null;

  async clone() {
    const clone = new FakeSession();
    clone.failWith = this.failWith;
    clone.pause = this.pause;
    this.clones.push(clone);
    return clone;
  }

  async append(turns: Turn[]) {
    this.heard.push(...turns);
  }

  async *promptStreaming(question: string, { signal }: { signal: AbortSignal }) {
    let answer = "";
    for (const word of question.split(" ").reverse()) {
      signal.throwIfAborted();
      if (this.failWith !== null) throw this.failWith;
      answer += `${word} `;
      yield `${word} `;
      await this.pause;
    }
    this.heard.push({ role: "user", content: question }, { role: "assistant", content: answer });
  }

  destroy() {
    this.destroyed = true;
  }
}

class FakeModel extends EventTarget {
  current: FakeSession | null = new FakeSession();

  async load() {
    return this.current;
  }
}

function setUp(turns: Turn[] = []) {
  const model = new FakeModel();
  const conversation = new Conversation(turns);
  const talk = new Talk(model as unknown as Model<LanguageModel>, conversation);
  const sessions = () => model.current?.clones ?? [];
  return { model, conversation, talk, sessions };
}

const said = (conversation: Conversation) => conversation.turns.map(({ content }) => content.trim());

describe("Talk", () => {
  it("adds questions and answers, in one session", async () => {
    const { conversation, talk, sessions } = setUp();
    await talk.send("a b");
    await talk.send("c d");
    expect(said(conversation)).toEqual(["a b", "b a", "c d", "d c"]);
    expect(sessions()).toHaveLength(1);
    expect(talk.speed).toBe(100);
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

  it("answers again, and answers an edited question, from what came before it", async () => {
    const { conversation, talk, sessions } = setUp();
    await talk.send("a b");
    await talk.send("c d");
    await talk.regenerate();
    expect(said(conversation)).toEqual(["a b", "b a", "c d", "d c"]);
    expect(sessions()[1]?.heard.map(({ content }) => content.trim())).toEqual(["a b", "b a", "c d", "d c"]);
    await talk.edit(0, "e f");
    expect(said(conversation)).toEqual(["e f", "f e"]);
    expect(sessions().map(({ destroyed }) => destroyed)).toEqual([true, true, false]);
  });

  it("keeps what there is of an answer that is stopped", async () => {
    const { model, conversation, talk, sessions } = setUp();
    if (model.current) model.current.pause = Promise.resolve();
    const stopped = new Promise<void>((resolve) => {
      talk.addEventListener("partial", () => [talk.stop(), resolve()], { once: true });
    });
    await Promise.all([talk.send("a b c"), stopped]);
    expect(said(conversation)).toEqual(["a b c", "c"]);
    expect(talk.state.phase).toBe("idle");
    expect(sessions()[0]?.destroyed).toBe(true);
  });

  it("says what failed, and can be asked again", async () => {
    const { model, conversation, talk } = setUp();
    if (model.current) model.current.failWith = new Error("out of order");
    await talk.send("a b");
    expect(talk.state).toMatchObject({ phase: "failed", failure: { message: "out of order" } });
    expect(said(conversation)).toEqual(["a b"]);
    if (model.current) model.current.failWith = null;
    await talk.regenerate();
    expect(said(conversation)).toEqual(["a b", "b a"]);
  });

  it("forgets everything when it is cleared in the middle of an answer", async () => {
    const { model, conversation, talk } = setUp();
    if (model.current) model.current.pause = Promise.resolve();
    talk.addEventListener("partial", () => talk.clear(), { once: true });
    await talk.send("a b c");
    expect(conversation.turns).toEqual([]);
    expect(talk.state.phase).toBe("idle");
  });

  it("ignores a second question while it answers", async () => {
    const { conversation, talk } = setUp();
    await Promise.all([talk.send("a b"), talk.send("c d")]);
    expect(said(conversation)).toEqual(["a b", "b a"]);
  });
});
