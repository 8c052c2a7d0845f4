import { describe, expect, it } from "vitest";
import { isPassedOverFolder, LARGEST_FILE_BYTES, refusal } from "../../web/demo/src/files/admit";
import { fromInput } from "../../web/demo/src/files/collect";
import { EXPLANATIONS, explain, explainFallback } from "../../web/demo/src/view/explain";
import { formatBytes, formatCount, formatRate, formatRemaining } from "../../web/demo/src/view/format";
import {
  labelRanges,
  queryStems,
  segments,
  snippetWindow,
  wordRanges,
} from "../../web/demo/src/view/highlight";

const marked = (text: string, query: string) =>
  wordRanges(text, queryStems(query)).map(({ start, end }) => text.slice(start, end));

describe("highlighted words", () => {
  it("are the telling words of the query, in other forms too", () => {
    expect(marked("Dripping taps drip; a tap dripped.", "why does my tap drip")).toEqual([
      "Dripping",
      "taps",
      "drip",
      "tap",
      "dripped",
    ]);
    expect(marked("Prune in winter. Pruning calms.", "pruned")).toEqual(["Prune", "Pruning"]);
  });

  it("ignore case and accents", () => {
    expect(marked("Café CAFE", "café")).toEqual(["Café", "CAFE"]);
  });

  it("are whole words", () => {
    expect(marked("The theatre is in Athens.", "the theatre")).toEqual(["theatre"]);
  });

  it("are the small words when there are no others", () => {
    expect(marked("To be or not to be", "to be")).toEqual(["To", "be", "to", "be"]);
    expect(marked("anything", "")).toEqual([]);
  });
});

describe("segments", () => {
  it("put the text together again, with words inside the sentence", () => {
    const text = "First part. The tap drips here. End.";
    const pieces = segments(
      text,
      { start: 6, end: text.length },
      {
        words: [{ start: 16, end: 19 }],
        sentence: { start: 12, end: 31 },
        labels: [],
      },
    );
    expect(pieces.map((piece) => piece.text).join("")).toBe(text.slice(6));
    expect(pieces.filter((piece) => piece.sentence).map((piece) => piece.text)).toEqual([
      "The ",
      "tap",
      " drips here.",
    ]);
    expect(pieces.filter((piece) => piece.word).map((piece) => piece.text)).toEqual(["tap"]);
  });
});

describe("labels", () => {
  it("are the names in a record", () => {
    const text = "Star: Sirius\nHow to find it: in the south: low";
    expect(labelRanges(text).map(({ start, end }) => text.slice(start, end))).toEqual([
      "Star:",
      "How to find it:",
    ]);
  });
});

describe("snippets", () => {
  const text = Array.from({ length: 200 }, (_, i) => `word${i}`).join(" ");

  it("show a short text whole", () => {
    expect(snippetWindow("short", null, 300)).toEqual({ start: 0, end: 5 });
  });

  it("begin with the text when nothing stands out", () => {
    const { start, end } = snippetWindow(text, null, 300);
    expect(start).toBe(0);
    expect(text.slice(start, end)).toMatch(/word\d+$/);
    expect(text[end]).toBe(" ");
  });

  it("hold what stands out, cut between words", () => {
    for (const at of [0, 50, 500, 900, text.length - 20]) {
      const { start, end } = snippetWindow(text, { start: at, end: at + 20 }, 300);
      expect(start).toBeLessThanOrEqual(at);
      expect(end).toBeGreaterThanOrEqual(at + 20);
      expect(start === 0 || text[start - 1] === " ").toBe(true);
      expect(end === text.length || text[end] === " ").toBe(true);
    }
  });
});

describe("numbers in words", () => {
  it("bytes", () => {
    expect([0, 1, 812, 25_041_000, 999_960, 1_250_000_000].map(formatBytes)).toEqual([
      "0 bytes",
      "1 byte",
      "812 bytes",
      "25.0 MB",
      "1.0 MB",
      "1.3 GB",
    ]);
  });

  it("counts and rates", () => {
    expect(formatCount(1, "passage")).toBe("1 passage");
    expect(formatCount(1204, "passage")).toBe("1,204 passages");
    expect([0.84, 3.44, 12.4].map(formatRate)).toEqual(["0.8", "3.4", "12"]);
  });

  it("remaining time", () => {
    expect([1, 7, 22, 58, 100, 3000, 3500, 9000].map(formatRemaining)).toEqual([
      "a few seconds",
      "about 5 seconds",
      "about 20 seconds",
      "about a minute",
      "about 2 minutes",
      "about 50 minutes",
      "about 58 minutes",
      "about 3 hours",
    ]);
  });
});

describe("files that are passed over", () => {
  it("are named with the reason", () => {
    expect(refusal("notes.md", 10)).toBeNull();
    expect(refusal("notes.md", 0)).toBe("empty file");
    expect(refusal("notes.md", LARGEST_FILE_BYTES + 1)).toBe("larger than 20.0 MB");
    expect(refusal("scan.pdf", 10)).toBe("PDF documents are not read");
    expect(refusal("thing.xyz", 10)).toBe(".xyz files are not read");
    expect(refusal("Makefile", 10)).toBe("no file ending that says it is text");
    expect(refusal(".env.json", 10)).toBe("hidden file");
  });

  it("include folders of hidden and generated files, named once", () => {
    expect([".git", "node_modules", "notes"].map(isPassedOverFolder)).toEqual([true, true, false]);
    const file = (path: string) => ({
      name: path.slice(path.lastIndexOf("/") + 1),
      webkitRelativePath: path,
    });
    const paths = ["a/z.txt", "a/.git/x/one.txt", "a/.git/two.txt", "a/b/node_modules/c.md", "a/b.txt"];
    const found = fromInput(paths.map(file) as unknown as File[]);
    expect(found.map(({ path }) => path)).toEqual(["a/.git/", "a/b.txt", "a/b/node_modules/", "a/z.txt"]);
  });
});

describe("errors in words", () => {
  it("say what happened and what to do, for every code", () => {
    for (const { what, remedy } of Object.values(EXPLANATIONS)) {
      expect(what).toMatch(/^[A-Z].*\.$/);
      expect(remedy).toMatch(/^[A-Z].*\.$/);
    }
  });

  it("do not break on a code they do not know", () => {
    expect(explain("toString")).toBe(EXPLANATIONS.internal);
    expect(explainFallback({ reason: "brand-new", message: "its own words" })).toBe("its own words");
    expect(explainFallback({ reason: "no-webgpu", message: "" })).toMatch(/WebGPU/);
  });
});
