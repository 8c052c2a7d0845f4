import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatOf, readText } from "../../web/demo/src/reading/read-text";
import { ReadingBuilder } from "../../web/demo/src/reading/reading";
import { sentences } from "../../web/demo/src/reading/sentences";
import { embeddedText, LIMITS, split } from "../../web/demo/src/reading/split";
import { weigh } from "../../web/demo/src/reading/weight";

const SAMPLES = join(import.meta.dirname, "../../web/demo/samples");

function readingOf(...paragraphs: string[]) {
  const builder = new ReadingBuilder();
  for (const paragraph of paragraphs) builder.block(paragraph);
  return builder.finish();
}

const sentence = (n: number) => `Sentence number ${n} says a little about nothing in particular at all.`;
const long = (count: number) => Array.from({ length: count }, (_, i) => sentence(i + 1)).join(" ");

describe("weigh", () => {
  it("estimates on the high side", () => {
    expect(weigh("a short line of words")).toBe(5);
    expect(weigh("antidisestablishmentarianism")).toBeGreaterThanOrEqual(4);
    expect(weigh("意味で探す")).toBe(5);
    expect(weigh("1234567, yes!")).toBe(6);
    expect(weigh("")).toBe(0);
  });
});

describe("sentences", () => {
  const cut = (text: string) => sentences(text).map(({ start, end }) => text.slice(start, end));

  it("end where sentences end", () => {
    expect(cut("The first one ends here. Does the second one? It certainly does!")).toEqual([
      "The first one ends here.",
      "Does the second one?",
      "It certainly does!",
    ]);
  });

  it("keep short beginnings with what follows, except on lines of their own", () => {
    expect(cut("No. 5 was the best of all the rooms.")).toEqual(["No. 5 was the best of all the rooms."]);
    expect(cut("cause: air\nremedy: let the air out of it")).toHaveLength(2);
  });

  it("cover everything but white space, however long the text", () => {
    for (const text of [
      `${long(7)}\n\n  tail`,
      long(500),
      "x".repeat(9_000),
      `${"word ".repeat(3_000)}. End.`,
    ]) {
      expect(cut(text).join("").replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
    }
    expect(cut(long(500))).toHaveLength(500);
  });

  it("are found in time that grows with the length", () => {
    const started = performance.now();
    expect(cut("A line of a log that says something.\n".repeat(30_000))).toHaveLength(30_000);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe("split", () => {
  it("keeps a short text whole, with its range", () => {
    const passages = [...split(readingOf("One.", "Two."))];
    expect(passages).toMatchObject([{ start: 0, end: 10, text: "One.\n\nTwo." }]);
  });

  it("cuts a long text at sentences, within the limit, with an overlap of one", () => {
    const reading = readingOf(long(60));
    const passages = [...split(reading)];
    expect(passages.length).toBeGreaterThan(3);
    for (const { text, start, end } of passages) {
      expect(text).toBe(reading.text.slice(start, end));
      expect(weigh(text)).toBeLessThanOrEqual(LIMITS.most + LIMITS.fragment);
      expect(text).toMatch(/^Sentence.*all\.$/s);
    }
    passages.slice(1).forEach(({ start }, i) => {
      expect(start).toBeLessThan(passages[i]?.end as number);
    });
    expect(passages.at(-1)?.end).toBe(reading.text.length);
  });

  it("rather ends at a paragraph than starts one it cannot hold", () => {
    const passages = [...split(readingOf(long(9), long(8)))];
    expect(passages.map(({ text }) => text.startsWith(sentence(1)))).toEqual([true, true]);
  });

  it("lets a small remainder join the passage before it", () => {
    const passages = [...split(readingOf(long(13), "And a few words."))];
    expect(passages).toHaveLength(1);
  });

  it("cuts text without sentences, and words without spaces", () => {
    for (const text of ["word ".repeat(2000), "x".repeat(20_000), "字".repeat(3000)]) {
      const passages = [...split(readingOf(text))];
      expect(passages.length).toBeGreaterThan(1);
      for (const passage of passages) expect(weigh(passage.text)).toBeLessThanOrEqual(LIMITS.most * 2);
      expect(passages.at(-1)?.end).toBe(text.trim().length);
    }
  });

  it("never crosses a heading, and tells the model what the passage is about", () => {
    const builder = new ReadingBuilder();
    builder.heading(1, "Bread");
    builder.block("Intro.");
    builder.heading(2, "Sourdough");
    builder.block("Feed it.");
    const passages = [...split(builder.finish())];
    expect(passages.map(embeddedText)).toEqual(["Bread\nIntro.", "Bread › Sourdough\nFeed it."]);
  });

  it("knows the line of every passage of a plain text", () => {
    const source = Array.from({ length: 120 }, (_, i) => sentence(i)).join("\n");
    for (const { line, text } of split(readText(source, "text"))) {
      expect(source.split("\n")[(line as number) - 1]?.slice(0, 40)).toBe(text.slice(0, 40));
    }
  });
});

describe("the sample set", () => {
  const files = readdirSync(SAMPLES, { recursive: true, encoding: "utf8" }).filter((path) =>
    /\.\w+$/.test(path),
  );
  // HTML needs a browser's parser.
  const readable = files.filter((path) => formatOf(path) !== "html");

  it("is small enough for two minutes on a slow machine", () => {
    const passages = readable.flatMap((path) => {
      const source = readFileSync(join(SAMPLES, path), "utf8");
      return [...split(readText(source, formatOf(path) ?? "text"))];
    });
    expect(files.length - readable.length).toBeLessThan(5);
    expect(passages.length).toBeGreaterThan(80);
    expect(passages.length).toBeLessThan(130);
    for (const passage of passages) expect(weigh(embeddedText(passage))).toBeLessThanOrEqual(240);
  });
});
