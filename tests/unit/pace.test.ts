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
  it("comes to chunks of 30 ms on the CPU, fast or slow", () => {
    expect(chunks(new Pace("cpu"), 1, 6)).toEqual([8, 16, 30, 30, 30, 30]);
    expect(chunks(new Pace("cpu"), 0.1, 3)).toEqual([8, 3, 3]);
    expect(chunks(new Pace("cpu"), 0.001, 3)).toEqual([8, 1, 1]);
  });

  it("stays within bounds", () => {
    expect(chunks(new Pace("cpu"), 1e6, 20).at(-1)).toBe(512);
    const pace = new Pace("cpu");
    pace.took(8, 0);
    expect(pace.chunk).toBe(16);
  });

  it("gives a GPU powers of two, of 40 ms at most", () => {
    expect(chunks(new Pace("webgpu"), 4, 4)).toEqual([64, 128, 128, 128]);
    expect(chunks(new Pace("webgpu"), 3, 4)).toEqual([64, 64, 64, 64]);
    expect(chunks(new Pace("webgpu"), 0.5, 3)).toEqual([64, 16, 16]);
  });
});
