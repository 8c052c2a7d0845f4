import { describe, expect, it } from "vitest";
import { streamReporter } from "../../../models/fetch/progress.mjs";

function recorded(isTTY: boolean) {
  const writes: string[] = [];
  return { writes, reporter: streamReporter({ isTTY, write: (text: string) => writes.push(text) }) };
}

describe("progress", () => {
  it("is a line every quarter where nobody watches", () => {
    const { writes, reporter } = recorded(false);
    for (let done = 0; done <= 100; done += 1) reporter.progress("a", done * 1e6, 100e6);
    expect(writes).toHaveLength(5);
    expect(writes.at(-1)).toBe("a: 100.0 MB of 100.0 MB (100 %)\n");
  });

  it("is one line that is redrawn on a terminal, its end always", () => {
    const { writes, reporter } = recorded(true);
    for (let done = 0; done <= 100; done += 1) reporter.progress("a", done * 1e6, 100e6);
    expect(writes.length).toBeLessThan(20);
    expect(writes.every((text) => text.startsWith("\r") && !text.includes("\n"))).toBe(true);
    expect(writes.at(-1)).toContain("(100 %)");
  });
});
