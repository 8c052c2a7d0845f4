/** A piece of an answer: running text, or a block of code. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string; readonly language: string };

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
