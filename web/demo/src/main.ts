import { Embedder } from "inglenook";
import type { Found } from "./files/collect";
import { type Doc, Library } from "./files/library";
import { readFiles, readNamedTexts } from "./files/read-files";
import { SAMPLE_QUERIES, SAMPLES } from "./samples";
import { announce } from "./view/announce";
import { byId, el, setText, throttled } from "./view/dom";
import { FilesView } from "./view/files-view";
import { formatCount } from "./view/format";
import { IntakeView } from "./view/intake-view";
import { ModelView } from "./view/model-view";
import { OfflineView, type Restart } from "./view/offline-view";
import { ProgressView } from "./view/progress-view";
import { ProvenanceView } from "./view/provenance-view";
import { SearchView } from "./view/search-view";
import { deviceFromAddress } from "./work/device-from-address";
import { Indexer } from "./work/indexer";
import { type CreateOptions, Model } from "./work/model";
import { OfflinePage } from "./work/offline-page";
import { PassageIndex } from "./work/passage-index";
import { Search } from "./work/search";
import { Turns } from "./work/turns";

/** While files are being read, results are brought up to date this often. */
const REFRESH_MS = 600;

const library = new Library();
const turns = new Turns();
const index = new PassageIndex(() => library.docs);
const page = new OfflinePage();
const source = {
  name: "all-MiniLM-L6-v2",
  fromDisk: false,
  cost: "25 MB",
  availability: () => Embedder.availability(),
  create: createEmbedder,
};
const model = new Model(deviceFromAddress(), source, page.begun);
const indexer = new Indexer(library, model, index, turns);
const search = new Search(model, index, indexer, turns);

new ModelView(model);
new ProvenanceView(model);
new ProgressView(indexer, model);
new FilesView(library, indexer, remove);
new IntakeView((found) => void take(found));
new OfflineView(page, restart, [library]);
const searchView = new SearchView(search, model, library);

const refresh = throttled(REFRESH_MS, () => search.refresh());
indexer.addEventListener("change", refresh);
model.addEventListener("change", () => {
  if (model.state.phase !== "ready") return;
  if (indexer.state.phase === "failed") indexer.resume();
  refresh();
});
library.addEventListener("change", () => showStage());
byId("load-model").addEventListener("click", () => void loadOrRetry());
byId("cancel-model").addEventListener("click", () => {
  indexer.stop();
  model.unload();
});
byId("stop").addEventListener("click", () => indexer.stop());
byId("resume").addEventListener("click", () => indexer.resume());
byId("clear-all").addEventListener("click", () => void clearAll());
for (const button of document.querySelectorAll('[data-action="use-samples"]')) {
  button.addEventListener("click", () => void useSamples());
}
setText(byId("samples-size"), `${SAMPLES.length} short household texts, built into the page`);
void model.check();
void page.follow(model);

async function createEmbedder(options: CreateOptions): Promise<Embedder> {
  const embedder = await Embedder.create(options);
  await index.open(embedder.dimensions);
  return embedder;
}

function restart(): Restart {
  const cost = library.docs.length > 0 ? "A restart forgets the files that are open here." : "";
  return { wait: null, cost };
}

async function loadOrRetry(): Promise<void> {
  await model.load().then(
    () => indexer.resume(),
    () => undefined,
  );
}

async function take(found: AsyncIterable<Found> | Iterable<Found>): Promise<void> {
  const before = library.docs.length;
  indexer.resume();
  await readFiles(found, library, (doc) => indexer.add(doc));
  const added = library.docs.length - before;
  announce(`${formatCount(added, "file")} added, ${library.skipped.length} skipped.`);
  if (before === 0 && added > 0) byId("query").focus();
}

async function useSamples(): Promise<void> {
  showSuggestions();
  indexer.resume();
  await readNamedTexts(SAMPLES, library, (doc) => indexer.add(doc));
  byId("query").focus({ preventScroll: true });
}

function showSuggestions(): void {
  const chips = SAMPLE_QUERIES.map((query) => {
    const chip = el("button.chip", { type: "button" }, query);
    chip.addEventListener("click", () => searchView.fill(query));
    return el("li", {}, chip);
  });
  byId("suggestion-list").replaceChildren(...chips);
}

function remove(doc: Doc): void {
  library.remove(doc.id);
  announce(`${doc.path} removed.`);
  void indexer.forget(doc).then(() => search.refresh());
}

async function clearAll(): Promise<void> {
  library.clear();
  searchView.clear();
  byId("suggestion-list").replaceChildren();
  announce("All files were removed.");
  await indexer.clear();
  document.querySelector<HTMLButtonElement>("#welcome button")?.focus();
}

/** The page opens as an invitation, and becomes a search page with the first file, read or skipped. */
function showStage(): void {
  const empty = library.docs.length === 0 && library.skipped.length === 0;
  document.body.setAttribute("data-stage", empty ? "empty" : "working");
  byId("welcome").hidden = !empty;
  byId("search").hidden = empty;
  byId("files").hidden = empty;
}
