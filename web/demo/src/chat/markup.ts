/** A piece of an answer: running text, or a block of code. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string; readonly language: string };

/** A stretch of running text in one style. */
export interface Run {
  readonly kind: "plain" | "strong" | "code";
  readonly text: string;
}

const FENCE = /^ {0,3}```(.*)$/;

/** Splits Markdown at its fenced code blocks. A block that is not closed yet reaches to the end. */
export function pieces(markdown: string): Piece[] {
  const found: Piece[] = [];
  let lines: string[] = [];
  let language: string | null = null;
  const flush = () => {
    const text = lines.join("\n");
    if (language !== null) found.push({ kind: "code", text, language });
    else if (text.trim() !== "") found.push({ kind: "text", text: text.replace(/^\n+|\n+$/g, "") });
    lines = [];
  };
  for (const line of markdown.split("\n")) {
    const fence = FENCE.exec(line);
    if (fence === null || (language !== null && fence[1]?.trim() !== "")) {
      lines.push(line);
      continue;
    }
    flush();
    language = language === null ? (fence[1]?.trim() ?? "") : null;
  }
  flush();
  return found;
}

const STYLED = /`([^`\n]+)`|\*\*(?=\S)([^*\n]*\S)\*\*/g;

/** Splits running text at its code and its strong words. What is not closed yet is as plain as the rest. */
export function runs(text: string): Run[] {
  const found: Run[] = [];
  let end = 0;
  const plainUpTo = (at: number) => {
    if (at > end) found.push({ kind: "plain", text: text.slice(end, at) });
  };
  for (const { 0: whole, 1: code, 2: strong, index } of text.matchAll(STYLED)) {
    plainUpTo(index);
    found.push(code !== undefined ? { kind: "code", text: code } : { kind: "strong", text: strong ?? "" });
    end = index + whole.length;
  }
  plainUpTo(text.length);
  return found;
}
