import type { Block, Reading, Section } from "./reading";
import { type Range, sentences, trimmed } from "./sentences";
import { topic } from "./trail";
import { weigh } from "./weight";

/** What is embedded, found and shown: a piece of one section, small enough for the model to read whole. */
export interface Passage extends Range {
  /** The range's text in `Reading.text`. */
  readonly text: string;
  readonly trail: readonly string[];
  readonly line?: number;
  readonly row?: number;
  readonly record: boolean;
}

/** All weights are estimated tokens (see `weigh`); about 0.8 English words each. */
export interface SplitLimits {
  /** A passage does not grow past this. The model's own limit is 256, with the trail and two markers. */
  readonly most: number;
  /** Once a passage has this much, it ends at a paragraph's end rather than start a paragraph it cannot hold. */
  readonly enough: number;
  /** Inside a paragraph, the last sentence is repeated in the next passage when it is no longer than this. */
  readonly overlap: number;
  /** A shorter remainder joins the passage before it, which may then reach `most + fragment`. */
  readonly fragment: number;
}

export const LIMITS: SplitLimits = { most: 190, enough: 110, overlap: 36, fragment: 30 };

interface Unit extends Range {
  readonly weight: number;
  /** Weight of the whole block that this unit begins; 0 inside a block. */
  readonly blockWeight: number;
  readonly line?: number;
}

/** Cuts a reading into passages, in order. Lazy, so that a long file can be cut in slices of time. */
export function* split(reading: Reading, limits: SplitLimits = LIMITS): Generator<Passage> {
  for (const section of reading.sections) {
    for (const run of pack(unitsOf(reading.text, section.blocks, limits), limits)) {
      yield passageOf(reading.text, section, run);
    }
  }
}

/** The text that is embedded for a passage: the headings above it say what it is about. */
export function embeddedText(passage: Passage): string {
  const about = topic(passage.trail);
  return about === ""
    ? passage.text
    : `${about}
${passage.text}`;
}

function passageOf(text: string, section: Section, run: readonly Unit[]): Passage {
  const first = run[0] as Unit;
  const last = run[run.length - 1] as Unit;
  const { trail, row, record } = section;
  const { start, line } = first;
  return { start, end: last.end, text: text.slice(start, last.end), trail, line, row, record };
}

function* pack(units: Iterable<Unit>, limits: SplitLimits): Generator<readonly Unit[]> {
  let previous: Unit[] | null = null;
  let run: Unit[] = [];
  for (const unit of units) {
    if (run.length > 0 && isFull(run, unit, limits)) {
      if (previous !== null) yield previous;
      previous = run;
      run = overlapOf(run, unit, limits);
    }
    run.push(unit);
  }
  if (previous === null) {
    if (run.length > 0) yield run;
    return;
  }
  const fresh = run.filter((unit) => !previous.includes(unit));
  if (total(fresh) < limits.fragment) yield [...previous, ...fresh];
  else yield* [previous, run];
}

function isFull(run: readonly Unit[], next: Unit, limits: SplitLimits): boolean {
  const weight = total(run);
  if (weight + next.weight > limits.most) return true;
  return next.blockWeight > 0 && weight >= limits.enough && weight + next.blockWeight > limits.most;
}

/** Paragraphs stand on their own; a sentence in the middle of one is read with the one before it. */
function overlapOf(run: readonly Unit[], next: Unit, limits: SplitLimits): Unit[] {
  if (next.blockWeight > 0) return [];
  const last = run[run.length - 1] as Unit;
  const fits = run.length > 1 && last.weight <= limits.overlap && last.weight + next.weight <= limits.most;
  return fits ? [last] : [];
}

function total(units: readonly Unit[]): number {
  return units.reduce((sum, unit) => sum + unit.weight, 0);
}

function* unitsOf(text: string, blocks: readonly Block[], limits: SplitLimits): Generator<Unit> {
  for (const block of blocks) {
    const weight = weigh(text.slice(block.start, block.end));
    const ranges = weight <= limits.enough ? [block] : sentencesOf(text, block, limits);
    const lineAt = lineCounter(block);
    let blockWeight = weight;
    for (const range of ranges) {
      const { start, end } = range;
      yield { start, end, weight: weigh(text.slice(start, end)), blockWeight, line: lineAt(start) };
      blockWeight = 0;
    }
  }
}

function* sentencesOf(text: string, block: Block, limits: SplitLimits): Generator<Range> {
  for (const sentence of sentences(text.slice(block.start, block.end))) {
    const range = { start: block.start + sentence.start, end: block.start + sentence.end };
    if (weigh(text.slice(range.start, range.end)) <= limits.most) yield range;
    else yield* chopped(text, range, limits.most);
  }
}

/** Text without sentence ends (a log, a list of words, minified data), cut between words where it has any. */
function* chopped(text: string, range: Range, most: number): Generator<Range> {
  let start = range.start;
  let end = start;
  let weight = 0;
  for (const match of text.slice(range.start, range.end).matchAll(/\s*\S{1,32}/gu)) {
    const added = weigh(match[0]);
    if (weight > 0 && weight + added > most) {
      const piece = trimmed(text, start, end);
      if (piece !== null) yield piece;
      start = end;
      weight = 0;
    }
    end = range.start + match.index + match[0].length;
    weight += added;
  }
  const rest = trimmed(text, start, range.end);
  if (rest !== null) yield rest;
}

/** Tells the lines of positions in a block, which are asked for in ascending order. */
function lineCounter({ start, line, breaks = [] }: Block): (position: number) => number | undefined {
  let passed = 0;
  return (position) => {
    while (passed < breaks.length && start + (breaks[passed] as number) <= position) passed++;
    return line === undefined ? undefined : line + passed;
  };
}
