/** A stretch of readable text that belongs together: a paragraph, a list item, a table row. */
export interface Block {
  /** Half-open range in `Reading.text`, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** First line in the file, counted from 1, where the format has meaningful lines. */
  readonly line?: number;
  /** Offsets in the block at which the file's next line begins, where they are known. */
  readonly breaks?: readonly number[];
}

/** Blocks under one heading, or one record of a table or a list. A passage never crosses a section. */
export interface Section {
  /** The headings (or keys) above this section, outermost first. */
  readonly trail: readonly string[];
  /** The row of a table, counted from 1 below its header. */
  readonly row?: number;
  /** True when the text consists of `name: value` lines. */
  readonly record: boolean;
  readonly blocks: readonly Block[];
}

/** A file as a person would read it: markup is gone, and every range points into `text`. */
export interface Reading {
  readonly text: string;
  readonly sections: readonly Section[];
}

interface SectionDraft {
  trail: readonly string[];
  row?: number;
  record: boolean;
  blocks: Block[];
}

/** Collects text block by block and keeps the ranges right. */
export class ReadingBuilder {
  #parts: string[] = [];
  #length = 0;
  #sections: SectionDraft[] = [];
  #headings: { level: number; text: string; line?: number }[] = [];
  /** The innermost heading has no text and no deeper heading under it yet. */
  #bare = false;

  /** Begins a section under a heading, level 1 being the outermost; its trail holds the headings above. */
  heading(level: number, raw: string, line?: number): void {
    const text = raw.replace(/\s+/g, " ").trim();
    if (text === "") return;
    if (level <= (this.#headings.at(-1)?.level ?? 0)) this.#keepBareHeading();
    while ((this.#headings.at(-1)?.level ?? 0) >= level) this.#headings.pop();
    this.#headings.push({ level, text, line });
    this.section(this.#headings.map((heading) => heading.text));
    this.#bare = true;
  }

  section(trail: readonly string[], options: { row?: number; record?: boolean } = {}): void {
    this.#sections.push({ trail, row: options.row, record: options.record ?? false, blocks: [] });
  }

  /**
   * Adds text without white space around it; nothing is added for an empty one.
   * `tight` joins the block to the one before it by a line break instead of a blank line.
   */
  block(text: string, options: { line?: number; breaks?: readonly number[]; tight?: boolean } = {}): void {
    const body = text.trim();
    if (body === "") return;
    if (this.#sections.length === 0) this.section([]);
    const section = this.#sections[this.#sections.length - 1] as SectionDraft;
    const tight = options.tight === true && section.blocks.length > 0;
    if (this.#length > 0) this.#append(tight ? "\n" : "\n\n");
    const start = this.#length;
    this.#append(body);
    this.#bare = false;
    section.blocks.push({ start, end: this.#length, line: options.line, breaks: options.breaks });
  }

  finish(): Reading {
    this.#keepBareHeading();
    return {
      text: this.#parts.join(""),
      sections: this.#sections.filter((section) => section.blocks.length > 0),
    };
  }

  /** A heading that stands alone is text itself; otherwise its words could not be found. */
  #keepBareHeading(): void {
    const last = this.#headings.at(-1);
    if (!this.#bare || last === undefined) return;
    this.section(this.#headings.slice(0, -1).map((heading) => heading.text));
    this.block(last.text, { line: last.line });
  }

  #append(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
  }
}
