import type { Embedder } from "inglenook";
import { describe, expect, it } from "vitest";
import { type Doc, Library } from "../../web/demo/src/files/library";
import { Indexer } from "../../web/demo/src/work/indexer";
import type { Model } from "../../web/demo/src/work/model";
import type { PassageIndex } from "../../web/demo/src/work/passage-index";
import { delay } from "../../web/demo/src/work/pause";
import { Rate } from "../../web/demo/src/work/rate";
import { Turns } from "../../web/demo/src/work/turns";

describe("Rate", () => {
  it("knows nothing before something was done", () => {
    const rate = new Rate();
    expect(rate.perSecond()).toBeNull();
    rate.restart(0, 0);
    expect(rate.remaining(10)).toBeNull();
  });

  it("measures what was done lately", () => {
    const rate = new Rate(1000);
    rate.restart(0, 0);
    for (let i = 1; i <= 10; i++) rate.record(i * 1000, i * 2);
    for (let i = 1; i <= 5; i++) rate.record(10_000 + i * 1000, 20 + i * 10);
    expect(rate.perSecond()).toBeCloseTo(10);
    expect(rate.remaining(50)).toBeCloseTo(5);
  });
});

describe("Turns", () => {
  it("lets urgent work go first", async () => {
    const turns = new Turns();
    const order: string[] = [];
    let finish = () => {};
    const urgent = turns.urgent(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
    );
    const quiet = turns.whenQuiet().then(() => order.push("long"));
    await Promise.resolve();
    order.push("urgent");
    finish();
    await Promise.all([urgent, quiet]);
    expect(order).toEqual(["urgent", "long"]);
  });

  it("goes on after urgent work failed", async () => {
    const turns = new Turns();
    await expect(turns.urgent(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await turns.whenQuiet();
  });
});

describe("delay", () => {
  it("rejects with the reason of its signal", async () => {
    const abort = new AbortController();
    const waiting = delay(10_000, abort.signal);
    abort.abort(new Error("newer query"));
    await expect(waiting).rejects.toThrow("newer query");
    await expect(delay(1, abort.signal)).rejects.toThrow("newer query");
  });
});

describe("Indexer", () => {
  class FakeModel extends EventTarget {
    embedded: string[] = [];
    failures: unknown[] = [];
    current: object | null = null;
    failWith: unknown = null;

    async load() {
      this.current ??= {
        embed: (texts: string[], { signal }: { signal: AbortSignal }) => this.#embed(texts, signal),
      };
      return this.current;
    }

    fail(error: unknown) {
      this.failures.push(error);
      this.current = null;
    }

    async #embed(texts: string[], signal: AbortSignal) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      signal.throwIfAborted();
      if (this.failWith !== null) throw this.failWith;
      this.embedded.push(...texts);
      return texts.map((text) => Float32Array.of(text.length));
    }
  }

  function setUp() {
    const library = new Library();
    const model = new FakeModel();
    const slots: string[] = [];
    const index = {
      add: async (entries: { doc: Doc; at: number; vector: Float32Array }[]) => {
        for (const { doc, at, vector } of entries) {
          doc.vectors.push(vector);
          slots.push(`${doc.path}#${at}`);
        }
      },
      rebuild: async () => {
        const kept = library.docs.flatMap((doc) => doc.vectors.map((_, at) => `${doc.path}#${at}`));
        slots.splice(0, slots.length, ...kept);
      },
      reset: () => slots.splice(0),
    };
    const indexer = new Indexer(
      library,
      model as unknown as Model<Embedder>,
      index as unknown as PassageIndex,
      new Turns(),
    );
    return { library, model, slots, indexer };
  }

  function add(library: Library, path: string, count: number): Doc {
    const passages = Array.from({ length: count }, (_, i) => ({
      ...{ start: i, end: i + 1, text: `${path} ${i}`, trail: [], record: false },
    }));
    return library.add({ path, bytes: 1, format: "text", text: "", passages });
  }

  function reached(indexer: Indexer, phase: string): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (indexer.state.phase !== phase) return;
        indexer.removeEventListener("change", check);
        resolve();
      };
      indexer.addEventListener("change", check);
      check();
    });
  }

  it("embeds every passage once, in order, across files", async () => {
    const { library, model, slots, indexer } = setUp();
    indexer.add(add(library, "a", 3));
    indexer.add(add(library, "b", 30));
    await reached(indexer, "idle");
    expect(slots).toEqual(
      [...Array(3).keys()].map((i) => `a#${i}`).concat([...Array(30).keys()].map((i) => `b#${i}`)),
    );
    expect(model.embedded).toHaveLength(33);
    expect(indexer.progress).toEqual({ done: 33, total: 33 });
  });

  it("stops and goes on where it stopped", async () => {
    const { library, slots, indexer } = setUp();
    const doc = add(library, "a", 200);
    indexer.add(doc);
    await new Promise((resolve) => setTimeout(resolve, 5));
    indexer.stop();
    const ready = doc.vectors.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(indexer.state.phase).toBe("stopped");
    expect(doc.vectors.length).toBe(ready);
    indexer.resume();
    await reached(indexer, "idle");
    expect(slots).toEqual([...Array(200).keys()].map((i) => `a#${i}`));
  });

  it("forgets a file that is removed while it is read", async () => {
    const { library, slots, indexer } = setUp();
    const doc = add(library, "a", 100);
    indexer.add(doc);
    indexer.add(add(library, "b", 5));
    await new Promise((resolve) => setTimeout(resolve, 4));
    library.remove(doc.id);
    await indexer.forget(doc);
    await reached(indexer, "idle");
    expect(slots).toEqual(["b#0", "b#1", "b#2", "b#3", "b#4"]);
  });

  it("says why it failed, and finishes when it is asked again", async () => {
    const { library, model, slots, indexer } = setUp();
    model.failWith = Object.assign(new Error("full"), { name: "InglenookError", code: "out-of-memory" });
    indexer.add(add(library, "a", 5));
    await reached(indexer, "failed");
    expect(indexer.state).toMatchObject({ failure: { code: "out-of-memory" } });
    expect(model.failures).toHaveLength(1);
    model.failWith = null;
    indexer.resume();
    await reached(indexer, "idle");
    expect(slots).toHaveLength(5);
  });
});
