// The package as a plain page uses it, where the tests' scripts can reach it.
import * as inglenook from "/dist/index.js";

globalThis.inglenook = inglenook;

/** What became of a promise, in a form that leaves the page: no error object survives that. */
globalThis.outcomeOf = (promise) =>
  promise.then(
    () => ({ ok: true }),
    (error) => ({
      ok: false,
      isInglenookError: error instanceof inglenook.InglenookError,
      name: error?.name,
      code: error?.code,
      message: String(error?.message ?? error),
      detail: error?.detail,
    }),
  );

document.body.dataset.ready = "yes";
