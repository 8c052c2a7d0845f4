import { describe, expect, it } from "vitest";
import { addEventHandler } from "../../web/src/event-handler.js";

interface Target extends EventTarget {
  onpoke: unknown;
}

function makeTarget(): { target: Target; said: string[]; say(word: string): () => void; poke(): string[] } {
  const target = new EventTarget() as Target;
  addEventHandler(target, "poke");
  const said: string[] = [];
  const poke = () => {
    target.dispatchEvent(new Event("poke"));
    return said.splice(0);
  };
  return { target, said, say: (word) => () => said.push(word), poke };
}

describe("an event handler attribute", () => {
  it("is null until it is set, and then what it was set to", () => {
    const { target, say } = makeTarget();
    expect(target.onpoke).toBeNull();
    const handler = say("a");
    target.onpoke = handler;
    expect(target.onpoke).toBe(handler);
    target.onpoke = "no function";
    expect(target.onpoke).toBeNull();
  });

  it("is called among the listeners, in the place where it was first set", () => {
    const { target, say, poke } = makeTarget();
    target.addEventListener("poke", say("before"));
    target.onpoke = say("first");
    target.addEventListener("poke", say("after"));
    expect(poke()).toEqual(["before", "first", "after"]);
    target.onpoke = say("second");
    expect(poke()).toEqual(["before", "second", "after"]);
    target.onpoke = null;
    expect(poke()).toEqual(["before", "after"]);
    target.onpoke = say("last");
    expect(poke()).toEqual(["before", "after", "last"]);
  });

  it("is called on the target, with an event that has it as its current target", () => {
    const { target } = makeTarget();
    const seen: unknown[] = [];
    target.onpoke = function (this: unknown, event: Event) {
      seen.push(this, event.currentTarget, event.type);
    };
    target.dispatchEvent(new Event("poke"));
    expect(seen).toEqual([target, target, "poke"]);
  });
});
