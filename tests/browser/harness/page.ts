import type * as Inglenook from "../../../web/src/index.js";

/** How a promise ended, as `outcomeOf` of the test page tells it. */
export interface Outcome {
  ok: boolean;
  isInglenookError?: boolean;
  name?: string;
  code?: string | number;
  message?: string;
  detail?: string;
}

// What page.js puts into the page; scripts that a test sends there use these names.
declare global {
  var inglenook: typeof Inglenook;
  var outcomeOf: (promise: Promise<unknown>) => Promise<Outcome>;
}
