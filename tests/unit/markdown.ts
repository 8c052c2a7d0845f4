import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../web/stage.mjs";

/** The text of a document, by its path in the repository. */
export const readDocument = (path: string) => readFileSync(join(ROOT, path), "utf8");

/** The fenced blocks of one language, in order. */
export function codeBlocks(markdown: string, language: string): string[] {
  const fences = markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms);
  return [...fences].filter(([, name]) => name === language).map(([, , code = ""]) => code);
}

/** The first cell of every row of the table under the header that begins with `first`. */
export function firstColumn(markdown: string, first: string): string[] {
  const lines = markdown.split("\n");
  const header = lines.findIndex((line) => line.startsWith(`| ${first} |`));
  if (header < 0) throw new Error(`There is no table that begins with "${first}".`);
  const rows = lines.slice(header + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map((line) => (line.split("|")[1] ?? "").trim().replaceAll("`", ""));
}

/** The parts of a document under headings of one level, by their titles. */
export function sections(markdown: string, level: 1 | 2 | 3): Map<string, string> {
  const parts = markdown.split(new RegExp(`^${"#".repeat(level)} (.+)\n`, "m"));
  const titles = parts.filter((_, i) => i % 2 === 1);
  return new Map(titles.map((title, i) => [title, parts[2 * i + 2] ?? ""]));
}

/** The anchors of a document's headings, as forges make them. */
export function anchors(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) => text.toLowerCase());
  return headings.map((text) => text.replace(/[^\w\s-]/g, "").replaceAll(" ", "-"));
}
