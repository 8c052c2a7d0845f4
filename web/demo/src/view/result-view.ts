import type { Doc } from "../files/library";
import type { Range } from "../reading/sentences";
import type { Hit } from "../work/passage-index";
import { el, setText } from "./dom";
import { formatCount, formatNumber } from "./format";
import { labelRanges, segments, snippetWindow, wordRanges } from "./highlight";

const SNIPPET_LENGTH = 300;
/** How much of the neighbouring text is shown on either side of an opened result. */
const CONTEXT_LENGTH = 600;

/** One result: a head that opens it, its score, and the passage with what matters marked. */
export class ResultView {
  readonly element: HTMLLIElement;
  readonly #button: HTMLButtonElement;
  readonly #score = el("span.score-number");
  readonly #fill = el("span.score-fill");
  readonly #body: HTMLElement;
  #hit: Hit;
  #stems: ReadonlySet<string> = new Set();
  #focus: Range | null = null;
  #drawn = "";

  constructor(hit: Hit) {
    this.#hit = hit;
    const id = `passage-${hit.doc.id}-${hit.at}`;
    this.#button = el("button.hit-toggle", { type: "button", "aria-expanded": "false", "aria-controls": id });
    this.#button.append(...nameOf(hit));
    this.#button.addEventListener("click", () => this.toggle());
    this.#body = el("div.hit-body", { id });
    const bar = el("span.score-bar", { "aria-hidden": "true" }, this.#fill);
    const score = el("p.score", {}, el("span.unseen", {}, "Similarity "), this.#score, bar);
    this.element = el("li.hit", {}, el("div.hit-head", {}, el("h2", {}, this.#button), score), this.#body);
    this.#body.addEventListener("click", () => {
      if (!this.expanded && getSelection()?.isCollapsed !== false) this.toggle();
    });
  }

  get expanded(): boolean {
    return this.#button.getAttribute("aria-expanded") === "true";
  }

  get button(): HTMLButtonElement {
    return this.#button;
  }

  update(hit: Hit, stems: ReadonlySet<string>, focus: Range | null): void {
    this.#hit = hit;
    this.#stems = stems;
    this.#focus = focus;
    setText(this.#score, hit.score.toFixed(2).replace("-", "−"));
    this.#fill.style.inlineSize = `${Math.round(Math.max(0, Math.min(1, hit.score)) * 100)}%`;
    this.#draw();
  }

  toggle(): void {
    this.#button.setAttribute("aria-expanded", String(!this.expanded));
    this.#draw();
  }

  /** Redraws the text only when something in it changed: a selection in it survives everything else. */
  #draw(): void {
    const state = JSON.stringify([this.expanded, [...this.#stems], this.#focus]);
    if (state === this.#drawn) return;
    this.#drawn = state;
    this.element.setAttribute("data-open", String(this.expanded));
    if (this.expanded) this.#drawOpen();
    else this.#drawSnippet();
  }

  #drawSnippet(): void {
    const { text } = this.#hit.passage;
    const words = wordRanges(text, this.#stems);
    const window = snippetWindow(text, this.#focus ?? words[0] ?? null, SNIPPET_LENGTH);
    const snippet = this.#marked(window, words);
    if (window.start > 0) snippet.prepend("… ");
    if (window.end < text.length) snippet.append(" …");
    this.#body.replaceChildren(snippet);
  }

  #drawOpen(): void {
    const { doc, passage } = this.#hit;
    const whole = { start: 0, end: passage.text.length };
    const before = contextBefore(doc, passage.start);
    const after = contextAfter(doc, passage.end);
    this.#body.replaceChildren(
      ...(before === "" ? [] : [el("p.context", {}, before)]),
      this.#marked(whole, wordRanges(passage.text, this.#stems)),
      ...(after === "" ? [] : [el("p.context", {}, after)]),
      el("div.hit-foot", {}, el("span", {}, describeRange(this.#hit)), copyButton(passage.text)),
    );
  }

  #marked(window: Range, words: readonly Range[]): HTMLParagraphElement {
    const { text, record } = this.#hit.passage;
    const labels = record ? labelRanges(text) : [];
    const pieces = segments(text, window, { words, sentence: this.#focus, labels });
    return el("p.passage", {}, ...pieces.map(drawSegment));
  }
}

function drawSegment(segment: ReturnType<typeof segments>[number]): Node {
  const inner: Node = segment.word ? el("mark", {}, segment.text) : document.createTextNode(segment.text);
  const classes = [segment.sentence ? "best" : "", segment.label ? "label" : ""].filter(
    (name) => name !== "",
  );
  return classes.length === 0 ? inner : el("span", { class: classes.join(" ") }, inner);
}

function nameOf({ doc, passage }: Hit): Node[] {
  const file = doc.path.slice(doc.path.lastIndexOf("/") + 1);
  const place = placeOf(passage);
  return [el("span.hit-file", {}, file), ...(place === "" ? [] : [el("span.hit-place", {}, place)])];
}

function placeOf(passage: Hit["passage"]): string {
  const where =
    passage.row !== undefined
      ? `row ${formatNumber(passage.row)}`
      : passage.line !== undefined
        ? `line ${formatNumber(passage.line)}`
        : "";
  return [passage.trail.join(" › "), where].filter((part) => part !== "").join(" · ");
}

function describeRange({ doc, passage }: Hit): string {
  const range = `Characters ${formatNumber(passage.start + 1)}–${formatNumber(passage.end)}`;
  return `${range} of ${formatNumber(doc.text.length)} in ${doc.path}, ${formatCount(countWords(passage.text), "word")}`;
}

function countWords(text: string): number {
  return text.match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu)?.length ?? 0;
}

function contextBefore(doc: Doc, start: number): string {
  const from = Math.max(0, start - CONTEXT_LENGTH);
  const text = doc.text.slice(from, start);
  return from === 0 ? text.trim() : `… ${text.slice(text.search(/\s/) + 1).trim()}`;
}

function contextAfter(doc: Doc, end: number): string {
  const text = doc.text.slice(end, end + CONTEXT_LENGTH);
  if (end + CONTEXT_LENGTH >= doc.text.length) return text.trim();
  return `${text.slice(0, Math.max(text.lastIndexOf(" "), text.lastIndexOf("\n"))).trim()} …`;
}

function copyButton(text: string): Node | string {
  if (navigator.clipboard === undefined) return "";
  const button = el("button.quiet", { type: "button" }, "Copy passage");
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    setText(button, copied ? "Copied" : "The browser did not allow it");
  });
  return button;
}
