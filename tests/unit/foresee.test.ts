import { describe, expect, it, vi } from "vitest";
import { foreseeing } from "../../web/src/worker/foresee.js";

const MB = 2 ** 20;

/** How often it is asked whether a file of this length fits, of which a megabyte comes at a time. */
function asked(bytes: number | undefined, answers: boolean[]): number {
  const foresee = vi.fn(() => answers.shift() ?? false);
  const inner = { open: vi.fn(), push: vi.fn(), close: vi.fn() };
  const sink = foreseeing(inner, foresee);
  const chunk = new Uint8Array(MB);
  sink.open("a.gguf", bytes, "hash");
  for (let i = 0; i < 16; i++) sink.push(chunk);
  sink.close();
  expect(inner.open).toHaveBeenCalledWith("a.gguf", bytes, "hash");
  expect(inner.push).toHaveBeenCalledTimes(16);
  expect(inner.close).toHaveBeenCalledOnce();
  return foresee.mock.calls.length;
}

describe("foreseeing", () => {
  it("does not ask of a file that is small", () => {
    expect(asked(16 * MB, [])).toBe(0);
    expect(asked(2048 * MB, [])).toBe(0);
  });

  it("asks of a large one, and of one of unknown length, until it is told", () => {
    expect(asked(2049 * MB, [true])).toBe(1);
    expect(asked(undefined, [false, true])).toBe(2);
    // At 1, 2, 4, 8 and 16 megabytes.
    expect(asked(undefined, [])).toBe(5);
  });

  it("fails where the model does not fit", () => {
    const inner = { open: vi.fn(), push: vi.fn(), close: vi.fn() };
    const sink = foreseeing(inner, () => {
      throw new Error("too large");
    });
    sink.open("a.gguf", undefined, undefined);
    expect(() => sink.push(new Uint8Array(MB))).toThrow("too large");
  });
});
