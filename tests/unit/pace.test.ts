import { describe, expect, it } from "vitest";
import { Pace } from "../../web/src/worker/pace.js";

/** A machine that reads this many tokens in a millisecond, and the chunks it was given. */
function chunks(pace: Pace, tokensPerMs: number, steps: number): number[] {
  return Array.from({ length: steps }, () => {
    const { chunk } = pace;
    pace.took(chunk, chunk / tokensPerMs);
    return chunk;
  });
}

describe("Pace", () => {
  it("comes to chunks of 25 ms on the CPU, fast or slow", () => {
    expect(chunks(new Pace("cpu"), 1, 9)).toEqual([8, 10, 12, 15, 19, 24, 25, 25, 25]);
    expect(chunks(new Pace("cpu"), 0.1, 3)).toEqual([8, 2, 2]);
    expect(chunks(new Pace("cpu"), 0.001, 3)).toEqual([8, 1, 1]);
  });

  it("stays within bounds", () => {
    expect(chunks(new Pace("cpu"), 1e6, 20).at(-1)).toBe(512);
    const pace = new Pace("cpu");
    pace.took(8, 0);
    expect(pace.chunk).toBe(10);
  });

  it("is not carried away by one step that had little to do", () => {
    const pace = new Pace("cpu");
    chunks(pace, 1, 8);
    pace.took(25, 3);
    // What follows takes as long as before.
    expect(pace.chunk).toBeLessThan(32);
  });

  it("doubles the chunks of a GPU, up to 40 ms, and never has it read fewer than it can at a time", () => {
    expect(chunks(new Pace("webgpu"), 4, 5)).toEqual([64, 128, 160, 160, 160]);
    expect(chunks(new Pace("webgpu"), 100, 6)).toEqual([64, 128, 256, 512, 512, 512]);
    expect(chunks(new Pace("webgpu"), 0.5, 3)).toEqual([64, 32, 32]);
  });
});
