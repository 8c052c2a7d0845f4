import type { Doc, Library } from "../files/library";
import type { Indexer } from "../work/indexer";
import { byId, el, setText, throttled } from "./dom";
import { formatCount, formatNumber } from "./format";

const MOST_SKIPPED_SHOWN = 200;
const REDRAW_MS = 120;

interface Row {
  readonly element: HTMLLIElement;
  readonly status: HTMLElement;
}

/** The list of files with how far each is, and of what was passed over. */
export class FilesView {
  readonly #list = byId("file-list");
  readonly #rows = new Map<number, Row>();

  constructor(
    readonly library: Library,
    readonly indexer: Indexer,
    readonly remove: (doc: Doc) => void,
  ) {
    const draw = throttled(REDRAW_MS, () => this.#draw());
    library.addEventListener("change", draw);
    indexer.addEventListener("change", draw);
    this.#draw();
  }

  #draw(): void {
    const { docs, skipped, passageCount } = this.library;
    for (const [id, row] of this.#rows) if (!this.library.has(id)) this.#drop(id, row);
    for (const doc of docs) this.#row(doc);
    setText(byId("files-summary"), summary(docs.length, passageCount));
    byId("clear-all").hidden = docs.length === 0 && skipped.length === 0;
    this.#drawSkipped();
  }

  #row(doc: Doc): void {
    const row = this.#rows.get(doc.id) ?? this.#addRow(doc);
    const total = doc.passages.length;
    const ready = doc.vectors.length === total;
    setText(
      row.status,
      ready
        ? formatCount(total, "passage")
        : `${formatNumber(doc.vectors.length)} of ${formatCount(total, "passage")}`,
    );
    row.element.setAttribute("data-ready", String(ready));
  }

  #addRow(doc: Doc): Row {
    const slash = doc.path.lastIndexOf("/") + 1;
    const status = el("span.file-status");
    const remove = el("button.quiet.icon", { type: "button", title: "Remove" }, "×");
    remove.setAttribute("aria-label", `Remove ${doc.path}`);
    remove.addEventListener("click", () => this.remove(doc));
    const name = el(
      "span.file-name",
      { title: doc.path },
      slash > 0 ? el("span.file-folder", {}, doc.path.slice(0, slash)) : null,
      doc.path.slice(slash),
    );
    const element = el("li.file", {}, el("div.file-text", {}, name, status), remove);
    const row = { element, status };
    this.#rows.set(doc.id, row);
    this.#list.append(element);
    return row;
  }

  /** Focus goes on to a neighbour rather than to the top of the page. */
  #drop(id: number, row: Row): void {
    const hadFocus = row.element.contains(document.activeElement);
    const neighbour = row.element.nextElementSibling ?? row.element.previousElementSibling;
    row.element.remove();
    this.#rows.delete(id);
    if (hadFocus) (neighbour?.querySelector("button") ?? byId("query")).focus();
  }

  #drawSkipped(): void {
    const { skipped } = this.library;
    const details = byId<HTMLDetailsElement>("skipped");
    details.hidden = skipped.length === 0;
    setText(byId("skipped-summary"), `${formatCount(skipped.length, "file")} skipped`);
    const list = byId("skipped-list");
    if (list.childElementCount === Math.min(skipped.length, MOST_SKIPPED_SHOWN + 1)) return;
    const shown = skipped.slice(0, MOST_SKIPPED_SHOWN);
    list.replaceChildren(
      ...shown.map(({ path, reason }) => el("li", {}, el("span.skipped-path", {}, path), ` ${reason}`)),
    );
    if (skipped.length > shown.length) {
      list.append(el("li", {}, `and ${formatNumber(skipped.length - shown.length)} more`));
    }
  }
}

function summary(files: number, passages: number): string {
  return files === 0 ? "None yet" : `${formatCount(files, "file")}, ${formatCount(passages, "passage")}`;
}
