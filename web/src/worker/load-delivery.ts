/** Loads what fetches files, by its address: a worker that finds all of them in the store does without. */
export function loadDelivery(): Promise<typeof import("./deliver.js")> {
  const { href } = new URL("./deliver.js", import.meta.url);
  return import(/* @vite-ignore */ /* webpackIgnore: true */ href);
}
