/** Loads what verifies signatures, by its address: an application that pins no key does without. */
export function loadSignature(): Promise<typeof import("./signature/verify-model.js")> {
  const { href } = new URL("./signature.js", import.meta.url);
  return import(/* @vite-ignore */ /* webpackIgnore: true */ href);
}
