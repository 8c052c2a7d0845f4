import type { Embedder } from "inglenook";
import type { Library } from "../files/library";
import type { Passage } from "../reading/split";
import type { Model } from "../work/model";
import type { Search } from "../work/search";
import { announce } from "./announce";
import { byId, setText } from "./dom";
import { explain } from "./explain";
import { formatCount } from "./format";
import { queryStems } from "./highlight";
import { ResultView } from "./result-view";

/** Below this, even the best result has little to do with the question. */
const WEAK_SCORE = 0.25;

/** The search field with its results. */
export class SearchView {
  readonly #field = byId<HTMLInputElement>("query");
  readonly #list = byId<HTMLOListElement>("results");
  #views = new Map<Passage, ResultView>();

  constructor(
    readonly search: Search,
    readonly model: Model<Embedder>,
    readonly library: Library,
  ) {
    this.#field.addEventListener("input", () => this.#typed());
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      search.ask(this.#field.value);
    });
    byId("clear-query").addEventListener("click", () => this.clear());
    search.addEventListener("change", () => this.#draw());
    search.addEventListener("focus", () => this.#drawHits());
    model.addEventListener("change", () => this.#drawMessage());
    document.addEventListener("keydown", (event) => this.#key(event));
    this.#draw();
  }

  fill(query: string): void {
    this.#field.value = query;
    this.#field.focus();
    this.#typed();
  }

  clear(): void {
    this.fill("");
  }

  #typed(): void {
    byId("clear-query").hidden = this.#field.value === "";
    this.search.ask(this.#field.value);
  }

  #draw(): void {
    document.body.setAttribute("data-search", this.search.state.phase);
    byId("suggestions").hidden = this.search.query !== "";
    this.#drawHits();
    this.#drawMessage();
    if (this.search.state.phase === "found") {
      announce(`${formatCount(this.search.hits.length, "result")}. ${this.#best()}`);
    }
  }

  #best(): string {
    const best = this.search.hits[0];
    return best === undefined ? "" : `The nearest is in ${best.doc.path}.`;
  }

  /** Results that stay keep their elements, and with them focus, selection and what was opened. */
  #drawHits(): void {
    const stems = queryStems(this.search.query);
    const views = new Map<Passage, ResultView>();
    this.search.hits.forEach((hit, at) => {
      const view = this.#views.get(hit.passage) ?? new ResultView(hit);
      views.set(hit.passage, view);
      view.update(hit, stems, this.search.focusOf(hit.passage));
      const there = this.#list.children[at] ?? null;
      if (there !== view.element) this.#list.insertBefore(view.element, there);
    });
    for (const [passage, view] of this.#views) if (!views.has(passage)) view.element.remove();
    this.#views = views;
    this.#list.ariaBusy = String(this.search.state.phase === "searching");
  }

  #drawMessage(): void {
    const message = byId("search-message");
    const text = this.#message();
    setText(message, text);
    message.hidden = text === "";
  }

  #message(): string {
    const { state, hits } = this.search;
    if (state.phase === "failed") {
      const { what, remedy } = explain(state.failure.code);
      return `${what} ${remedy}`;
    }
    if (state.phase === "waiting") return this.#waitingFor();
    if (state.phase !== "found") return "";
    if (hits.length === 0) return "Nothing to search yet.";
    const weak = (hits[0]?.score ?? 0) < WEAK_SCORE;
    return weak ? "Nothing here comes close to this. These are the nearest passages all the same." : "";
  }

  #waitingFor(): string {
    if (this.library.docs.length === 0) return "Add some files first, or use the sample set.";
    const { phase } = this.model.state;
    if (phase === "ready") return "The first passages are being read; results appear as soon as they are.";
    if (phase === "failed" || phase === "absent")
      return "The model is not loaded yet. Load it to get results.";
    return "The model is on its way; results appear as soon as it is here.";
  }

  #key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    if (event.key === "/" && !isEditable(target) && !byId("search").hidden) {
      event.preventDefault();
      this.#field.focus();
      this.#field.select();
    } else if (target === this.#field) this.#fieldKey(event);
    else if (this.#list.contains(target)) this.#listKey(event, target);
  }

  #fieldKey(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.#field.value !== "") {
      event.preventDefault();
      this.clear();
    } else if (event.key === "ArrowDown" && this.#list.childElementCount > 0) {
      event.preventDefault();
      this.#focusResult(0);
    }
  }

  #listKey(event: KeyboardEvent, target: HTMLElement): void {
    const items = [...this.#list.children];
    const at = items.findIndex((item) => item.contains(target));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Escape") this.#field.focus();
    else if (to === -1) this.#field.focus();
    else if (to !== undefined) this.#focusResult(Math.min(to, items.length - 1));
    else return;
    event.preventDefault();
  }

  #focusResult(at: number): void {
    const button = this.#list.children[at]?.querySelector<HTMLButtonElement>(".hit-toggle");
    button?.focus({ preventScroll: true });
    button?.closest("li")?.scrollIntoView({ block: "nearest" });
  }
}

function isEditable(element: HTMLElement): boolean {
  return element.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(element.nodeName);
}
