import { readCsv } from "./csv";
import { readHtml } from "./html";
import { readJson } from "./json";
import { readMarkdown } from "./markdown";
import { readPlain } from "./plain";
import type { Reading } from "./reading";

export type Format = "text" | "markdown" | "html" | "table" | "json";

const FORMATS: Readonly<Record<string, Format>> = {
  txt: "text",
  text: "text",
  log: "text",
  md: "markdown",
  markdown: "markdown",
  html: "html",
  htm: "html",
  xhtml: "html",
  csv: "table",
  tsv: "table",
  json: "json",
  jsonl: "json",
  ndjson: "json",
};

/** What `<input accept>` offers. */
export const ACCEPTED = Object.keys(FORMATS)
  .map((extension) => `.${extension}`)
  .join(",");

/** The part of a name after its last dot, in lower case; "" where there is none. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot + 1).toLowerCase();
}

export function formatOf(name: string): Format | null {
  const extension = extensionOf(name);
  return Object.hasOwn(FORMATS, extension) ? (FORMATS[extension] as Format) : null;
}

/** Throws SyntaxError for JSON that cannot be parsed; every other text has a reading. */
export function readText(source: string, format: Format): Reading {
  switch (format) {
    case "text":
      return readPlain(source);
    case "markdown":
      return readMarkdown(source);
    case "html":
      return readHtml(source);
    case "table":
      return readCsv(source);
    case "json":
      return readJson(source);
  }
}
