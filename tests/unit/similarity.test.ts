import { describe, expect, it } from "vitest";
import { similarity } from "../../web/src/similarity.js";

const vector = (...numbers: number[]) => Float32Array.from(numbers);

describe("similarity", () => {
  it.each([
    ["the same direction", vector(1, 2, 3), vector(2, 4, 6), 1],
    ["opposite directions", vector(1, -2), vector(-1, 2), -1],
    ["right angles", vector(1, 0), vector(0, 5), 0],
    ["45 degrees", vector(1, 0), vector(1, 1), Math.SQRT1_2],
    ["a vector of zeros", vector(0, 0), vector(1, 1), 0],
  ])("of %s", (_, a, b, expected) => {
    expect(similarity(a, b)).toBeCloseTo(expected, 6);
  });

  it("is never outside −1..1", () => {
    const a = Float32Array.from({ length: 384 }, (_, i) => Math.sin(i) * 1e-3);
    expect(similarity(a, a)).toBeLessThanOrEqual(1);
  });

  it("refuses vectors of different lengths", () => {
    expect(() => similarity(vector(1), vector(1, 2))).toThrow(
      expect.objectContaining({ code: "invalid-input" }),
    );
  });
});
