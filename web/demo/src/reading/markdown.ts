import { type Reading, ReadingBuilder } from "./reading";

const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const ITEM = /^\s*(?:[-*+]|(\d{1,9})[.)])\s+(?:\[([ xX])\]\s+)?(.*)$/;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const SETEXT = /^ {0,3}(=+|-{2,})\s*$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const FRONT_MATTER = "---";
const DEFINITION = /^ {0,3}\[[^\]]+\]:\s+\S/;

/** Reads Markdown: one section per heading, with blocks for paragraphs, list items, table rows and code. */
export function readMarkdown(source: string): Reading {
  const lines = withoutComments(source).split("\n");
  const reader = new MarkdownReader(lines.indexOf(FRONT_MATTER, 1) > 0);
  lines.forEach((line, index) => {
    reader.line(line, index + 1, lines[index + 1] ?? "");
  });
  return reader.finish();
}

/** Line breaks stay, so that line numbers stay right. */
function withoutComments(source: string): string {
  return source.replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, ""));
}

class MarkdownReader {
  #builder = new ReadingBuilder();
  #pending: string[] = [];
  #pendingLine = 0;
  #tight = false;
  #fence: string | null = null;
  #header: string[] | null = null;
  readonly #mayOpenFrontMatter: boolean;

  constructor(mayOpenFrontMatter: boolean) {
    this.#mayOpenFrontMatter = mayOpenFrontMatter;
  }

  finish(): Reading {
    this.#flush();
    return this.#builder.finish();
  }

  line(line: string, number: number, next: string): void {
    if (this.#code(line, number)) return;
    if (this.#frontMatter(line, number)) return;
    const heading = HEADING.exec(line);
    if (heading !== null) this.#heading((heading[1] as string).length, heading[2] ?? "", number);
    else if (this.#pending.length > 0 && !this.#tight && SETEXT.test(line)) this.#setext(line);
    else if (line.trim() === "" || RULE.test(line) || DEFINITION.test(line)) this.#flush();
    else if (line.includes("|") && (this.#header !== null || TABLE_RULE.test(next))) this.#row(line, number);
    else this.#text(line, number);
  }

  #code(line: string, number: number): boolean {
    const fence = this.#fence === FRONT_MATTER ? line.trim() : FENCE.exec(line)?.[1];
    if (this.#fence === null) {
      if (fence === undefined) return false;
      this.#flush();
      this.#fence = fence;
      this.#pendingLine = number + 1;
      return true;
    }
    if (fence?.startsWith(this.#fence)) {
      this.#builder.block(this.#pending.join("\n"), { line: this.#pendingLine });
      this.#pending = [];
      this.#fence = null;
    } else this.#pending.push(line);
    return true;
  }

  #frontMatter(line: string, number: number): boolean {
    if (number !== 1 || line !== FRONT_MATTER || !this.#mayOpenFrontMatter) return false;
    this.#fence = FRONT_MATTER;
    this.#pendingLine = 2;
    return true;
  }

  #heading(level: number, raw: string, number: number): void {
    this.#flush();
    this.#builder.heading(level, plainInline(raw), number);
  }

  #setext(line: string): void {
    const text = this.#pending.join(" ");
    const number = this.#pendingLine;
    this.#pending = [];
    this.#heading(line.trim().startsWith("=") ? 1 : 2, text, number);
  }

  #row(line: string, number: number): void {
    if (this.#header === null) {
      this.#flush();
      this.#header = cells(line);
      return;
    }
    if (TABLE_RULE.test(line)) return;
    const header = this.#header;
    const named = cells(line).map((cell, i) => (header[i] ? `${header[i]}: ${cell}` : cell));
    this.#builder.block(named.filter((cell) => cell !== "").join("; "), { line: number, tight: true });
  }

  #text(line: string, number: number): void {
    const item = ITEM.exec(line);
    if (item !== null) {
      this.#flush();
      this.#tight = true;
      this.#pendingLine = number;
      this.#pending = [`${item[1] === undefined ? "•" : `${item[1]}.`} ${item[3] ?? ""}`];
      return;
    }
    const text = line.replace(/^\s*(?:>\s?)+/, "").trim();
    if (this.#pending.length === 0) this.#pendingLine = number;
    this.#pending.push(/(?: {2}|\\)$/.test(line) ? `${text.replace(/\\$/, "")}\n` : text);
  }

  #flush(): void {
    const text = this.#pending.join(" ").replace(/\n /g, "\n");
    this.#pending = [];
    this.#header = null;
    const tight = this.#tight;
    this.#tight = false;
    this.#builder.block(text.split("\n").map(plainInline).join("\n"), { line: this.#pendingLine, tight });
  }
}

function cells(line: string): string[] {
  const row = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return row.split(/(?<!\\)\|/).map((cell) => plainInline(cell.trim()));
}

/** Inline Markdown as the text it shows. Code spans are kept from further reading. */
export function plainInline(text: string): string {
  return text
    .split(/(`+[^`]+`+)/)
    .map((part, i) => (i % 2 === 1 ? part.replace(/^`+\s?|\s?`+$/g, "") : plainProse(part)))
    .join("")
    .trim();
}

function plainProse(text: string): string {
  return text
    .replace(/!\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\[([^\]]*)\]\([^)\s]*(?:\s+["'][^"']*["'])?\)/g, "$1")
    .replace(/!?\[([^\]]+)\]\[[^\]]*\]/g, "$1")
    .replace(/<((?:https?|mailto):[^>\s]+)>/g, "$1")
    .replace(/<\/?[a-z][^>]*>/gi, "")
    .replace(/(?<!\\)(\*\*|__|~~)(?=\S)([\s\S]*?\S)\1/g, "$2")
    .replace(/(?<![\w*\\])\*(?=\S)([^*]*?\S)\*(?![\w*])/g, "$1")
    .replace(/(?<![\w\\])_(?=\S)([^_]*?\S)_(?![\w_])/g, "$1")
    .replace(/\\([\\`*_{}[\]()#+\-.!|~>])/g, "$1");
}
