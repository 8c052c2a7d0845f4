import { describe, expect, it, vi } from "vitest";
import { ChatRoom } from "../../web/src/worker/chat-room.js";
import type { ChatEngine } from "../../web/src/worker/chat-task.js";
import type { ChatProgress } from "../../web/src/worker/protocol.js";

interface FakeSession {
  name: string;
  free(): void;
  fork(): FakeSession;
}

/** Stands in for the wasm bindings: reads three tokens in chunks, answers two words, and logs what was done. */
class FakeEngine {
  readonly log: string[] = [];
  dropped = 0;
  /** Awaited in every step. */
  beforeStep: () => unknown = () => {};
  sessions = 0;

  readonly engine = {
    device: { kind: () => "cpu", fault: () => undefined },
    model: {
      session: () => this.#session(`s${this.sessions++}`),
      count: (messages: unknown[]) => messages.length,
      plan: ([message]: { content: string }[], options: { generate: boolean }) =>
        this.#plan(message?.content ?? "", options.generate),
    },
  } as unknown as ChatEngine;

  #session(name: string): FakeSession {
    return {
      name,
      free: () => this.log.push(`free ${name}`),
      fork: () => {
        this.log.push(`fork ${name}`);
        return this.#session(`${name}'`);
      },
    };
  }

  #plan(text: string, generate: boolean): object {
    this.log.push(`plan ${text}`);
    const steps: object[] = [
      { kind: "prefill", done: 2, total: 3 },
      ...(generate
        ? [
            { kind: "text", text: "a", tokens: 1 },
            { kind: "text", text: "", tokens: 2 },
            { kind: "text", text: "b", tokens: 3 },
          ]
        : []),
      {
        kind: "done",
        reason: generate ? "end" : "appended",
        promptTokens: 3,
        reusedTokens: 1,
        generatedTokens: generate ? 3 : 0,
      },
    ];
    return {
      dropped: () => this.dropped,
      step: async (_: unknown, { name }: FakeSession) => {
        await this.beforeStep();
        this.log.push(`step ${name}`);
        return steps.shift();
      },
      free: () => this.log.push(`free job ${text}`),
    };
  }
}

const prompt = (session: number, content: string, generate = true) => ({
  session,
  messages: [{ role: "user" as const, content }],
  keep: 0,
  options: { generate },
});

describe("ChatRoom", () => {
  it("answers piece by piece, leaves out empty pieces, and tells how it went", async () => {
    const fake = new FakeEngine();
    const progress: ChatProgress[] = [];
    const result = await new ChatRoom(fake.engine).prompt(1, prompt(0, "hi"), (p) => progress.push(p));
    expect(progress).toMatchObject([
      { text: "a", tokens: 1, times: { decodeMs: 0 } },
      { text: "b", tokens: 3, times: { firstTokenMs: result.firstTokenMs, prefillMs: result.prefillMs } },
    ]);
    expect(result).toMatchObject({ reason: "end", promptTokens: 3, reusedTokens: 1, generatedTokens: 3 });
    for (const ms of [result.firstTokenMs, result.prefillMs, result.decodeMs])
      expect(ms).toBeGreaterThanOrEqual(0);
    await vi.waitFor(() => expect(fake.log.at(-1)).toBe("free job hi"));
  });

  it("says first what was left out", async () => {
    const fake = new FakeEngine();
    fake.dropped = 2;
    const progress: ChatProgress[] = [];
    await new ChatRoom(fake.engine).prompt(1, prompt(0, "hi"), (p) => progress.push(p));
    expect(progress[0]).toEqual({ dropped: 2 });
  });

  it("lets sessions take turns step by step, each with its own cache", async () => {
    const fake = new FakeEngine();
    const room = new ChatRoom(fake.engine);
    await Promise.all([
      room.prompt(1, prompt(7, "one", false), () => {}),
      room.prompt(2, prompt(9, "two", false), () => {}),
    ]);
    await room.prompt(3, prompt(7, "three", false), () => {});
    expect(fake.log.filter((line) => !line.startsWith("free"))).toEqual([
      "plan one",
      "plan two",
      "step s0",
      "step s1",
      "step s0",
      "step s1",
      "plan three",
      "step s0",
      "step s0",
    ]);
  });

  it("stops a cancelled answer after its step, frees it, and goes on with the next", async () => {
    const fake = new FakeEngine();
    const room = new ChatRoom(fake.engine);
    const progress = vi.fn();
    fake.beforeStep = () => fake.log.includes("step s0") && room.cancel(1);
    void room.prompt(1, prompt(0, "long"), progress);
    const next = room.prompt(2, prompt(0, "next", false), () => {});
    expect((await next).reason).toBe("appended");
    expect(progress).not.toHaveBeenCalled();
    expect(fake.log).toContain("free job long");
    expect(fake.log.filter((line) => line === "step s0")).toHaveLength(1 + 2);
  });

  it("does no step of an answer that is cancelled while its tokens are counted", async () => {
    const fake = new FakeEngine();
    const room = new ChatRoom(fake.engine);
    void room.prompt(1, prompt(0, "long"), () => {});
    room.cancel(1);
    await room.count(2, [], true);
    expect(fake.log).toEqual(["plan long", "free job long"]);
  });

  it("forks what has been read, and a session that has read nothing begins by itself", async () => {
    const fake = new FakeEngine();
    const room = new ChatRoom(fake.engine);
    await room.fork(1, { session: 0, to: 1 });
    await room.prompt(2, prompt(0, "a", false), () => {});
    await room.fork(3, { session: 0, to: 2 });
    await room.prompt(4, prompt(2, "b", false), () => {});
    await room.prompt(5, prompt(1, "c", false), () => {});
    expect(fake.log.filter((line) => /^(plan|step|fork)/.test(line))).toEqual([
      "plan a",
      "step s0",
      "step s0",
      "fork s0",
      "plan b",
      "step s0'",
      "step s0'",
      "plan c",
      "step s1",
      "step s1",
    ]);
  });

  it("frees a session that is closed, once, after what it is doing", async () => {
    const fake = new FakeEngine();
    const room = new ChatRoom(fake.engine);
    fake.beforeStep = () => room.cancel(1);
    const answering = room.prompt(1, prompt(0, "a"), () => {});
    await room.close(6, 9);
    await room.close(2, 0);
    await room.prompt(3, prompt(1, "b", false), () => {});
    await room.close(4, 1);
    await room.close(5, 1);
    expect(fake.log.filter((line) => line.startsWith("free s"))).toEqual(["free s0", "free s1"]);
    void answering;
  });

  it("counts between steps", async () => {
    const fake = new FakeEngine();
    const room = new ChatRoom(fake.engine);
    void room.prompt(1, prompt(0, "a"), () => {});
    expect(await room.count(2, prompt(0, "a").messages, true)).toBe(1);
    expect(fake.log).toEqual(["plan a"]);
    expect(await room.count(3, prompt(0, "a").messages, true)).toBe(1);
    expect(fake.log).toEqual(["plan a", "step s0"]);
  });

  it("rejects what cannot be planned or fails, and remains usable", async () => {
    const fake = new FakeEngine();
    const room = new ChatRoom(fake.engine);
    fake.beforeStep = () => {
      fake.beforeStep = () => {};
      throw { code: "template", message: "No." };
    };
    await expect(room.prompt(1, prompt(0, "a"), () => {})).rejects.toMatchObject({ code: "template" });
    expect((await room.prompt(2, prompt(0, "b"), () => {})).reason).toBe("end");
  });
});
