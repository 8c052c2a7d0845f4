import type { Range } from "../reading/sentences";

const WORD = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*/gu;
const ENDINGS = ["ings", "ing", "edly", "ed", "ies", "es", "s", "ly", "e", "y"];
const STOP_WORDS = new Set(
  (
    "a all an and any are as at be been but by can do does for from had has have how i if in into is it its me my no not of " +
    "on or our so than that the their them then there these they this to too was we were what when where which who " +
    "why will with without you your"
  ).split(" "),
);

/** The words of a query that are worth marking, reduced to stems; all of them when it has only small words. */
export function queryStems(query: string): Set<string> {
  const words = [...query.matchAll(WORD)].map(([word]) => fold(word));
  const telling = words.filter((word) => !STOP_WORDS.has(word));
  return new Set((telling.length > 0 ? telling : words).map(stem));
}

/** Where words with one of the stems stand in a text. */
export function wordRanges(text: string, stems: ReadonlySet<string>): Range[] {
  if (stems.size === 0) return [];
  const ranges: Range[] = [];
  for (const match of text.matchAll(WORD)) {
    if (stems.has(stem(fold(match[0]))))
      ranges.push({ start: match.index, end: match.index + match[0].length });
  }
  return ranges;
}

/** Lower case without accents, so that "cafe" marks "Café". */
function fold(word: string): string {
  return word
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/['’].*$/u, "");
}

/** Enough stemming to mark "prune" in "pruning"; wrong stems only cost a highlight, never a result. */
function stem(word: string): string {
  for (const ending of ENDINGS) {
    if (word.length - ending.length >= 3 && word.endsWith(ending))
      return undoubled(word.slice(0, -ending.length));
  }
  return word;
}

function undoubled(word: string): string {
  return /([bdgkmnprt])\1$/.test(word) ? word.slice(0, -1) : word;
}

export interface Segment {
  readonly text: string;
  readonly word: boolean;
  readonly sentence: boolean;
  readonly label: boolean;
}

/** Cuts `text` at every edge of the given ranges, so that each piece has one look. */
export function segments(
  text: string,
  window: Range,
  marks: { words: readonly Range[]; sentence: Range | null; labels: readonly Range[] },
): Segment[] {
  const all = [...marks.words, ...marks.labels, ...(marks.sentence === null ? [] : [marks.sentence])];
  const edges = new Set([window.start, window.end]);
  for (const { start, end } of all) {
    for (const edge of [start, end]) if (edge > window.start && edge < window.end) edges.add(edge);
  }
  const sorted = [...edges].sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => {
    const start = sorted[i] as number;
    const inside = (range: Range) => range.start <= start && end <= range.end;
    return {
      text: text.slice(start, end),
      word: marks.words.some(inside),
      sentence: marks.sentence !== null && inside(marks.sentence),
      label: marks.labels.some(inside),
    };
  });
}

/** The `name:` parts of a record's lines. */
export function labelRanges(text: string): Range[] {
  return [...text.matchAll(/^[^\n:]{1,60}:(?= )/gm)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/** A window of about `length` characters that shows `focus` near its top, cut between words. */
export function snippetWindow(text: string, focus: Range | null, length: number): Range {
  if (text.length <= length * 1.25) return { start: 0, end: text.length };
  const lead = focus === null ? 0 : Math.max(0, focus.start - Math.floor(length * 0.2));
  const start = lead === 0 ? 0 : wordStart(text, Math.min(lead, text.length - length));
  const end = wordEnd(text, Math.min(text.length, start + length));
  return { start, end };
}

function wordStart(text: string, from: number): number {
  const space = text.slice(from, from + 40).search(/\s/);
  return space === -1 ? from : from + space + 1;
}

function wordEnd(text: string, from: number): number {
  if (from >= text.length) return text.length;
  const space = text.slice(Math.max(0, from - 40), from + 1).search(/\s\S*$/);
  return space === -1 ? from : Math.max(0, from - 40) + space;
}
