import { el } from "../view/dom";
import { type Piece, pieces, type Run, runs } from "./markup";

/**
 * Shows an answer in `words`, and changes only what is not there yet: what grows keeps its selection and its focus.
 * Everything in it is text: no markup of the model's becomes an element of its choice.
 */
export function showAnswer(words: Element, markdown: string): void {
  bringUpTo(words, pieces(markdown), made, (shown, piece) => {
    if (piece.kind === "text") showRuns(shown, piece.text);
    else grow(shown.firstElementChild ?? shown, piece.text);
  });
}

function showRuns(paragraph: Element, text: string): void {
  bringUpTo(
    paragraph,
    runs(text),
    ({ kind }: Run) => el(ELEMENTS[kind]),
    (shown, run) => grow(shown, run.text),
  );
}

const ELEMENTS = { plain: "span", strong: "strong", code: "code" } as const;

function made(piece: Piece): HTMLElement {
  if (piece.kind === "text") return el("p");
  const code = el("code", { "data-language": piece.language });
  return el("pre", { tabindex: "0", role: "group", "aria-label": "Code" }, code);
}

/** Makes the children of `parent` those that are wanted: one that has the same kind stays and is filled anew. */
function bringUpTo<T extends { readonly kind: string }>(
  parent: Element,
  wanted: readonly T[],
  make: (item: T) => HTMLElement,
  fill: (shown: Element, item: T) => void,
): void {
  wanted.forEach((item, at) => {
    let shown = parent.children[at];
    if (shown?.getAttribute("data-kind") !== item.kind) {
      const fresh = make(item);
      fresh.setAttribute("data-kind", item.kind);
      if (shown) shown.replaceWith(fresh);
      else parent.append(fresh);
      shown = fresh;
    }
    fill(shown, item);
  });
  while (parent.children.length > wanted.length) parent.lastElementChild?.remove();
}

/** Appends to the text of an element what it lacks; replaces the text if it is another one. */
function grow(element: Element, text: string): void {
  const { firstChild } = element;
  if (firstChild instanceof Text && text.startsWith(firstChild.data)) {
    if (text.length > firstChild.data.length) firstChild.appendData(text.slice(firstChild.data.length));
  } else element.textContent = text;
}
