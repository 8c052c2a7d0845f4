// What every app of these tests does: it imports the package as its bundler has it, where the test can reach it.
import { Embedder, LanguageModel, offline } from "inglenook";

export function expose() {
  globalThis.inglenook = { Embedder, LanguageModel, offline };
  document.body.dataset.ready = "yes";
}
