import { describe, expect, it } from "vitest";
import { readCsv } from "../../web/demo/src/reading/csv";
import { readJson } from "../../web/demo/src/reading/json";
import { plainInline, readMarkdown } from "../../web/demo/src/reading/markdown";
import { readPlain } from "../../web/demo/src/reading/plain";
import { formatOf } from "../../web/demo/src/reading/read-text";
import type { Reading } from "../../web/demo/src/reading/reading";

/** Each section as its trail and the texts of its blocks. */
function outline({ text, sections }: Reading): [string, string[]][] {
  return sections.map(({ trail, blocks }) => [
    trail.join(" > "),
    blocks.map(({ start, end }) => text.slice(start, end)),
  ]);
}

function lines({ sections }: Reading): (number | undefined)[] {
  return sections.flatMap(({ blocks }) => blocks.map(({ line }) => line));
}

describe("plain text", () => {
  it("joins lines that an editor wrapped and keeps the others apart", () => {
    const wrapped = "This line is long enough that an editor must have wrapped it\nat the margin.";
    expect(outline(readPlain(`${wrapped}\n\nmilk\nbread`))).toEqual([
      ["", [wrapped.replace("\n", " "), "milk\nbread"]],
    ]);
  });

  it("keeps list items on lines of their own", () => {
    const text = "The first line of this paragraph runs on for quite some time\n- one thing";
    expect(outline(readPlain(text))[0]?.[1]).toEqual([text]);
  });

  it("takes an underlined line for a heading", () => {
    expect(outline(readPlain("Compost\n=======\n\nA heap."))).toEqual([["Compost", ["A heap."]]]);
  });

  it("keeps the words of a heading that stands alone", () => {
    expect(outline(readPlain("Compost\n======="))).toEqual([["", ["Compost"]]]);
  });

  it("counts lines in the file", () => {
    expect(lines(readPlain("one\n\n\ntwo\nstill two\n\nthree"))).toEqual([1, 4, 7]);
  });

  it("reads nothing out of white space", () => {
    expect(readPlain(" \n\n\t")).toEqual({ text: "", sections: [] });
  });
});

describe("Markdown", () => {
  it("makes a section of every heading, under those above it", () => {
    const reading = readMarkdown("# Bread\n\nIntro.\n\n## Sourdough\n\nFeed it.\n\n# Eggs #\n\nBoil.");
    expect(outline(reading)).toEqual([
      ["Bread", ["Intro."]],
      ["Bread > Sourdough", ["Feed it."]],
      ["Eggs", ["Boil."]],
    ]);
    expect(lines(reading)).toEqual([3, 7, 11]);
  });

  it("understands underlined headings", () => {
    expect(outline(readMarkdown("Bread\n=====\nText.\n\nPart\n----\nMore."))).toEqual([
      ["Bread", ["Text."]],
      ["Bread > Part", ["More."]],
    ]);
  });

  it("keeps a heading with nothing under it as text", () => {
    expect(outline(readMarkdown("# List\n## Buy milk\n## Post letter"))).toEqual([
      ["List", ["Buy milk"]],
      ["List", ["Post letter"]],
    ]);
  });

  it("reads list items as blocks, with their continuation lines", () => {
    const reading = readMarkdown("- one\n  goes on\n- [x] two\n1. three");
    expect(outline(reading)).toEqual([["", ["• one goes on", "• two", "1. three"]]]);
    expect(reading.text).toBe("• one goes on\n• two\n1. three");
  });

  it("names table cells by their columns", () => {
    expect(outline(readMarkdown("| Tool | Use |\n|---|:-:|\n| Saw | cut \\| trim |\n\nEnd."))).toEqual([
      ["", ["Tool: Saw; Use: cut | trim", "End."]],
    ]);
  });

  it("leaves code as it is", () => {
    expect(outline(readMarkdown("```sh\n# not a heading\nls *.md\n```\nafter"))).toEqual([
      ["", ["# not a heading\nls *.md", "after"]],
    ]);
  });

  it("reads front matter as text, and a rule at the top as a rule", () => {
    expect(outline(readMarkdown("---\ntitle: Bread\n---\nText."))).toEqual([["", ["title: Bread", "Text."]]]);
    expect(outline(readMarkdown("---\nText."))).toEqual([["", ["Text."]]]);
  });

  it("drops comments without losing count of the lines", () => {
    expect(lines(readMarkdown("<!-- a\nb -->\ntext"))).toEqual([3]);
  });

  it("shows inline markup as its text", () => {
    expect(plainInline("**bold** and *thin*, __strong__ `a*b*c` ~~old~~")).toBe(
      "bold and thin, strong a*b*c old",
    );
    expect(plainInline('[a link](https://example.org "t") and ![a picture](x.png)')).toBe(
      "a link and a picture",
    );
    expect(plainInline("[![Build](a.svg)](https://example.org) passing")).toBe("Build passing");
    expect(plainInline("snake_case_name, 2 * 3 * 4, \\*stars\\*")).toBe(
      "snake_case_name, 2 * 3 * 4, *stars*",
    );
  });
});

describe("tables", () => {
  it("reads each row as a record under its header", () => {
    const reading = readCsv('Star,Colour\nSirius,"white, bluish"\n\nVega,\n');
    expect(outline(reading)).toEqual([
      ["", ["Star: Sirius", "Colour: white, bluish"]],
      ["", ["Star: Vega"]],
    ]);
    expect(reading.sections.map(({ row, record }) => [row, record])).toEqual([
      [1, true],
      [2, true],
    ]);
  });

  it("finds other separators, and does without a header", () => {
    expect(outline(readCsv("a;1\nb;2"))[1]).toEqual(["", ["Column 1: b", "Column 2: 2"]]);
    expect(outline(readCsv("Name\tUse\nSaw\tcut"))).toEqual([["", ["Name: Saw", "Use: cut"]]]);
  });

  it("keeps cells beyond the header", () => {
    expect(outline(readCsv("A,B\n1,2,3"))).toEqual([["", ["A: 1", "B: 2", "Column 3: 3"]]]);
  });

  it("reads an empty table as nothing", () => {
    expect(readCsv("").sections).toEqual([]);
  });
});

describe("JSON", () => {
  it("reads the objects of a list as records", () => {
    const reading = readJson('[{"knot":"Bowline","uses":["loops","boats"]},{"knot":"Prusik"}]');
    expect(outline(reading)).toEqual([
      ["item 1", ["knot: Bowline", "uses: loops, boats"]],
      ["item 2", ["knot: Prusik"]],
    ]);
  });

  it("goes into objects that hold lists of objects, and keeps their own values", () => {
    expect(outline(readJson('{"title":"Faults","list":[{"a":1},{"a":{"b":true}}]}'))).toEqual([
      ["", ["title: Faults"]],
      ["list > item 1", ["a: 1"]],
      ["list > item 2", ["a › b: true"]],
    ]);
  });

  it("divides what is too large for one record", () => {
    const long = "word ".repeat(150).trim();
    const reading = readJson(JSON.stringify({ one: long, two: { x: long, y: "short" } }));
    expect(reading.sections.map(({ trail }) => trail.join(" > "))).toEqual(["", "two"]);
  });

  it("reads JSON Lines", () => {
    expect(outline(readJson('{"a":1}\n{"a":2}\n'))).toEqual([
      ["item 1", ["a: 1"]],
      ["item 2", ["a: 2"]],
    ]);
  });

  it("survives absurd depth", () => {
    const depth = 5000;
    expect(() => readJson("[".repeat(depth) + "]".repeat(depth))).not.toThrow();
    expect(() => readJson(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`)).not.toThrow();
  });

  it("throws SyntaxError for what is not JSON", () => {
    expect(() => readJson("{broken")).toThrow(SyntaxError);
  });
});

describe("formats", () => {
  it("go by the ending", () => {
    expect(formatOf("Notes.TXT")).toBe("text");
    expect(formatOf("a.b.jsonl")).toBe("json");
    expect(formatOf("photo.jpg")).toBeNull();
    expect(formatOf(".txt")).toBeNull();
    expect(formatOf("x.constructor")).toBeNull();
  });
});
