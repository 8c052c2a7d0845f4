/** A half-open range, in UTF-16 code units. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Shorter stretches ("Dr.", "3.", "No.") are joined to what follows them. */
const SHORTEST_SENTENCE = 18;

const segmenter = makeSegmenter();

/** The sentences of a text without the white space around them, in order. */
export function sentences(text: string): Range[] {
  const ranges: Range[] = [];
  let carried: number | null = null;
  for (const { segment, index } of segmenter(text)) {
    const range = trimmed(text, carried ?? index, index + segment.length);
    if (range === null) continue;
    const joins = range.end - range.start < SHORTEST_SENTENCE && !segment.includes("\n");
    carried = joins ? range.start : null;
    if (!joins) ranges.push(range);
  }
  const rest = carried === null ? null : trimmed(text, carried, text.length);
  if (rest !== null) ranges.push(rest);
  return ranges;
}

/** Narrows a range to its text without leading and trailing white space; null when nothing is left. */
export function trimmed(text: string, start: number, end: number): Range | null {
  const slice = text.slice(start, end);
  const body = slice.trim();
  if (body === "") return null;
  const from = start + slice.indexOf(body);
  return { start: from, end: from + body.length };
}

type Segment = { segment: string; index: number };

function makeSegmenter(): (text: string) => Iterable<Segment> {
  if (typeof Intl.Segmenter !== "function") return segmentByPunctuation;
  const intl = new Intl.Segmenter(undefined, { granularity: "sentence" });
  return (text) => intl.segment(text);
}

function* segmentByPunctuation(text: string): Iterable<Segment> {
  for (const match of text.matchAll(/[^.!?。！？\n]*(?:[.!?。！？]+["'”’)\]]*\s*|\n+|$)/gu)) {
    if (match[0] !== "") yield { segment: match[0], index: match.index };
  }
}
