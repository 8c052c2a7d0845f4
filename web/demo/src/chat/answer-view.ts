import { el } from "../view/dom";
import { type Piece, pieces } from "./markup";

/**
 * Shows an answer in `words`, and changes only what is not there yet: what grows keeps its selection and its focus.
 * Everything in it is text: no markup of the model's becomes an element.
 */
export function showAnswer(words: HTMLElement, markdown: string): void {
  const wanted = pieces(markdown);
  wanted.forEach((piece, at) => {
    const shown = words.children[at];
    if (shown?.getAttribute("data-piece") === nameOf(piece)) grow(shown, piece.text);
    else if (shown) shown.replaceWith(made(piece));
    else words.append(made(piece));
  });
  while (words.children.length > wanted.length) words.lastElementChild?.remove();
}

function nameOf(piece: Piece): string {
  return piece.kind === "code" ? `code ${piece.language}` : "text";
}

function made(piece: Piece): HTMLElement {
  const attributes = { "data-piece": nameOf(piece) };
  if (piece.kind === "text") return el("p", attributes, piece.text);
  const code = el("code", { "data-language": piece.language }, piece.text);
  return el("pre", { ...attributes, tabindex: "0", role: "group", "aria-label": "Code" }, code);
}

/** Appends to the text of an element what it lacks; replaces the text if it is another one. */
function grow(element: Element, text: string): void {
  const holder = element.querySelector("code") ?? element;
  const { firstChild } = holder;
  if (firstChild instanceof Text && text.startsWith(firstChild.data)) {
    if (text.length > firstChild.data.length) firstChild.appendData(text.slice(firstChild.data.length));
  } else holder.textContent = text;
}
