// What an engine is told when it loads.
import { readManifest } from "../setup.mjs";
import { CONTEXT_WINDOW } from "../suites.mjs";

/** The model by name for Inglenook, by address for the peers. */
export function optionsOf({ model, device }) {
  const [{ path }] = readManifest(model).files;
  return { model, device, contextWindow: CONTEXT_WINDOW, file: `/weights/${model}/${path}` };
}
