import { type Reading, ReadingBuilder } from "./reading";

const SKIPPED = new Set([
  "SCRIPT",
  "STYLE",
  "NOSCRIPT",
  "TEMPLATE",
  "NAV",
  "SVG",
  "MATH",
  "CANVAS",
  "IFRAME",
  "OBJECT",
  "EMBED",
  "AUDIO",
  "VIDEO",
  "SELECT",
  "BUTTON",
  "INPUT",
  "TEXTAREA",
  "DATALIST",
  "HEAD",
  "TITLE",
]);
const BLOCKS = new Set([
  "ADDRESS",
  "ARTICLE",
  "ASIDE",
  "BLOCKQUOTE",
  "BODY",
  "CAPTION",
  "DD",
  "DETAILS",
  "DIALOG",
  "DIV",
  "DL",
  "DT",
  "FIELDSET",
  "FIGCAPTION",
  "FIGURE",
  "FOOTER",
  "FORM",
  "HEADER",
  "HR",
  "LI",
  "MAIN",
  "MENU",
  "OL",
  "P",
  "PRE",
  "SECTION",
  "SUMMARY",
  "TABLE",
  "TBODY",
  "TD",
  "TFOOT",
  "TH",
  "THEAD",
  "TR",
  "UL",
]);

/**
 * Reads HTML by its blocks, with a section per heading. The document is parsed inert: its scripts do not run,
 * and nothing it names is requested.
 */
export function readHtml(source: string): Reading {
  const page = new DOMParser().parseFromString(source, "text/html");
  const reader = new HtmlReader(page.title.trim());
  reader.visit(page.body);
  return reader.finish();
}

class HtmlReader {
  #builder = new ReadingBuilder();
  #text = "";
  #tight = false;

  constructor(title: string) {
    if (title !== "") this.#builder.section([title]);
  }

  finish(): Reading {
    this.#flush();
    return this.#builder.finish();
  }

  visit(element: Element): void {
    for (const node of element.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) this.#text += (node.nodeValue ?? "").replace(/\s+/g, " ");
      else if (node.nodeType === Node.ELEMENT_NODE) this.#element(node as Element);
    }
  }

  #element(element: Element): void {
    const name = element.nodeName.toUpperCase();
    if (SKIPPED.has(name) || element.hasAttribute("hidden")) return;
    const level = /^H([1-6])$/.exec(name)?.[1];
    if (level !== undefined) this.#heading(Number(level), element);
    else if (name === "BR") this.#text += "\n";
    else if (name === "IMG") this.#text += ` ${element.getAttribute("alt") ?? ""} `;
    else if (name === "PRE") this.#block(element.textContent ?? "");
    else if (name === "TR") this.#row(element as HTMLTableRowElement);
    else if (BLOCKS.has(name)) this.#nested(element, name);
    else this.visit(element);
  }

  #nested(element: Element, name: string): void {
    this.#flush();
    this.#tight = name === "LI" || name === "DD";
    if (name === "LI") this.#text = "• ";
    this.visit(element);
    this.#flush();
  }

  #heading(level: number, element: Element): void {
    this.#flush();
    this.#builder.heading(level, element.textContent ?? "");
  }

  /** A data row reads as `column: value` when its table has a header row of the same width. */
  #row(row: HTMLTableRowElement): void {
    if (row.querySelector("table, p, ul, ol, div, h1, h2, h3") !== null) {
      this.#nested(row, "TR");
      return;
    }
    this.#flush();
    const cells = [...row.cells];
    if (cells.length > 0 && cells.every((cell) => cell.nodeName === "TH")) return;
    const names = [...(row.closest("table")?.rows[0]?.cells ?? [])];
    const named = names.length === cells.length && names.every((cell) => cell.nodeName === "TH");
    const texts = cells.map((cell, i) => {
      const text = (cell.textContent ?? "").replace(/\s+/g, " ").trim();
      const label = named ? (names[i]?.textContent ?? "").trim() : "";
      return text !== "" && label !== "" ? `${label}: ${text}` : text;
    });
    this.#builder.block(texts.filter((text) => text !== "").join("; "), { tight: true });
  }

  #block(text: string): void {
    this.#flush();
    this.#builder.block(text);
  }

  #flush(): void {
    const text = this.#text
      .replace(/[^\S\n]+/g, " ")
      .replace(/ ?\n ?/g, "\n")
      .trim();
    if (text !== "" && text !== "•") this.#builder.block(text, { tight: this.#tight });
    this.#text = "";
    this.#tight = false;
  }
}
