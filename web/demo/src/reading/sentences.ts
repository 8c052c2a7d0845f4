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

/** `Intl.Segmenter` takes time with the square of the text's length, so it sees this much at once. */
const WINDOW = 2_000;

function makeSegmenter(): (text: string) => Iterable<Segment> {
  if (typeof Intl.Segmenter !== "function") return segmentByPunctuation;
  const intl = new Intl.Segmenter(undefined, { granularity: "sentence" });
  return (text) => segmentByWindows(text, (window) => [...intl.segment(window)]);
}

/** The last sentence of each window begins the next one, unless it is all there is in it. */
function* segmentByWindows(text: string, cut: (window: string) => Segment[]): Iterable<Segment> {
  let from = 0;
  while (from < text.length) {
    const found = cut(text.slice(from, from + WINDOW));
    const isLast = from + WINDOW >= text.length;
    const whole = isLast || found.length < 2 ? found : found.slice(0, -1);
    for (const { segment, index } of whole) yield { segment, index: from + index };
    from += whole.reduce((sum, { segment }) => sum + segment.length, 0);
  }
}

function* segmentByPunctuation(text: string): Iterable<Segment> {
  for (const match of text.matchAll(/[^.!?。！？\n]*(?:[.!?。！？]+["'”’)\]]*\s*|\n+|$)/gu)) {
    if (match[0] !== "") yield { segment: match[0], index: match.index };
  }
}
