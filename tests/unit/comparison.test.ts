import { describe, expect, it } from "vitest";
import { readDocument } from "./markdown.js";

interface Figure {
  case: string;
  lib: string;
  version: string;
  metric: string;
  median: number;
}

const README = readDocument("README.md");

/** Of the row that begins with `name`: the result that Inglenook's cell links to, and the cells of its peers. */
function row(name: string): { figures: Figure[]; cells: string[] } {
  const line = README.split("\n").find((text) => text.startsWith(`| ${name} |`)) ?? "";
  const [, own = "", ...cells] = line.split("|").slice(1, -1);
  const [, path = ""] = /\]\((tests\/bench\/results\/[\w-]+)\.md\)/.exec(own) ?? [];
  return { figures: JSON.parse(readDocument(`${path}.json`)), cells: cells.map((cell) => cell.trim()) };
}

/** How many times what a peer needs is of what Inglenook needs, over all cases that match. */
function range(figures: Figure[], metric: string, cases: RegExp, lib: string, version: string): string {
  const of = (name: string) =>
    figures.filter((one) => one.lib === name && one.metric === metric && cases.test(one.case));
  const ratios = of(lib).map((theirs) => {
    expect(theirs.version).toBe(version);
    const ours = of("inglenook").find((one) => one.case === theirs.case)?.median ?? 0;
    // Of a rate, more is better.
    return metric.endsWith("_per_s") ? ours / theirs.median : theirs.median / ours;
  });
  expect(ratios.length).toBeGreaterThan(0);
  const ends = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toPrecision(2));
  return [...new Set(ends)].join(" to ");
}

describe("the comparison with the peers", () => {
  it.each(["embedding, one CPU thread, F32", "the same, eight bits"])(
    "has what was measured of %s",
    (name) => {
      const { figures, cells } = row(name);
      const times = range(figures, "time_per_text_ms", /./, "transformers.js", "4.3.1");
      expect(cells[0]).toBe(`${times} × the time`);
    },
  );

  it.each([
    ["reading a prompt, one CPU thread, Q4_1", /^prefill/],
    ["writing an answer, the same", /^decode/],
  ])("has what was measured of %s", (name, cases) => {
    const { figures, cells } = row(name);
    const newer = range(figures, "tokens_per_s", cases, "wllama-3", "3.8.1");
    const older = range(figures, "tokens_per_s", cases, "wllama-2", "2.3.1");
    expect(cells[1]).toBe(`${newer} × the time; 2.3.1: ${older} ×`);
  });

  it.each([
    ["JavaScript and wasm, to embed on a CPU", "download_mb"],
    ["memory of the page, embedding", "peak_rss_mb"],
    ["memory of the page, chatting", "peak_rss_mb"],
  ])("has what was measured of %s", (name, metric) => {
    const { figures } = row(name);
    const line = README.split("\n").find((text) => text.startsWith(`| ${name} |`)) ?? "";
    const measured = figures.filter((one) => one.metric === metric && one.lib !== "onnxruntime-web");
    expect(measured.length).toBeGreaterThan(1);
    for (const { median } of measured) {
      const rounded = median < 10 ? median.toPrecision(2) : String(Math.round(median));
      expect(line).toContain(`${rounded} MB`);
    }
  });
});
