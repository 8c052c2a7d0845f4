import { type Reading, ReadingBuilder } from "./reading";

/** A line at least this long that is followed by another is taken for one that an editor wrapped. */
const WRAPPED_LINE = 50;
const BULLET = /^(?:[-*+•–]|\(?\d{1,3}[.)]|[a-z][.)])\s/i;
const RULE = /^(?:={3,}|-{3,}|~{3,}|\*{3,}|_{3,})$/;

interface Line {
  readonly text: string;
  readonly number: number;
}

/** Reads plain text: paragraphs between blank lines, wrapped lines joined, underlined lines as headings. */
export function readPlain(source: string): Reading {
  const builder = new ReadingBuilder();
  for (const paragraph of paragraphs(source)) {
    const heading = underlined(paragraph);
    if (heading !== null) builder.heading(1, heading, paragraph[0]?.number);
    const body = heading === null ? paragraph : paragraph.slice(2);
    if (body.length > 0) builder.block(...joined(body));
  }
  return builder.finish();
}

function* paragraphs(source: string): Generator<Line[]> {
  let lines: Line[] = [];
  let number = 0;
  for (const raw of source.split(/[\n\f]/)) {
    number++;
    const text = raw.trimEnd();
    if (text !== "") lines.push({ text, number });
    else if (lines.length > 0) {
      yield lines;
      lines = [];
    }
  }
  if (lines.length > 0) yield lines;
}

function underlined(lines: readonly Line[]): string | null {
  const [first, second] = lines;
  if (first === undefined || second === undefined || first.text.length > 80) return null;
  return /^(={3,}|-{3,})$/.test(second.text.trim()) ? first.text.trim() : null;
}

function joined(lines: readonly Line[]): [string, { line?: number; breaks: number[] }] {
  const kept = lines.filter((line) => !RULE.test(line.text.trim()));
  const breaks: number[] = [];
  let text = "";
  let previous = "";
  for (const { text: raw } of kept) {
    const line = raw.trim();
    if (text !== "") {
      text += isContinued(previous, raw) ? " " : "\n";
      breaks.push(text.length);
    }
    text += line;
    previous = line;
  }
  return [text, { line: kept[0]?.number, breaks }];
}

function isContinued(previous: string, next: string): boolean {
  return previous.length >= WRAPPED_LINE && !BULLET.test(next.trimStart());
}
