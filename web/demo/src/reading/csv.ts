import Papa from "papaparse";
import { type Reading, ReadingBuilder } from "./reading";

/** Further rows are more than the page could hold, so they are not worth the time to read. */
const MOST_ROWS = 60_000;

/** Reads comma, semicolon, tab or pipe separated values: one record per row, as `column: value` lines. */
export function readCsv(source: string): Reading {
  const rows = Papa.parse<string[]>(source.trim(), { skipEmptyLines: "greedy", preview: MOST_ROWS }).data;
  const header = headerOf(rows);
  const columns = header ?? (rows[0] ?? []).map((_, i) => `Column ${i + 1}`);
  const builder = new ReadingBuilder();
  rows.slice(header === null ? 0 : 1).forEach((row, index) => {
    builder.section([], { row: index + 1, record: true });
    row.forEach((cell, i) => {
      builder.block(field(columns[i] ?? `Column ${i + 1}`, cell), { tight: true });
    });
  });
  return builder.finish();
}

/** The first row names the columns when its cells are distinct words rather than values. */
function headerOf(rows: readonly string[][]): string[] | null {
  const first = rows[0]?.map((cell) => cell.trim()) ?? [];
  if (rows.length < 2 || first.length === 0) return null;
  const named = first.filter((cell) => cell !== "");
  const distinct = new Set(named).size === named.length && named.length > 0;
  return distinct && named.every((cell) => cell.length <= 80 && !/^[\d\s.,:/+-]+$/.test(cell)) ? first : null;
}

function field(name: string, value: string): string {
  const text = value.trim();
  if (text === "") return "";
  return name === "" ? text : `${name}: ${text}`;
}
