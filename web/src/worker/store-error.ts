import type { ErrorRecord } from "../errors.js";

/** Why the store did not take a file, and what can be done about it. */
export function storeError(error: unknown, detail: string): ErrorRecord {
  if ((error as Error)?.name === "QuotaExceededError") {
    const message =
      "There is no room to keep the model for the next visit: remove other models (models.remove) or free disk space; " +
      "models.estimate() tells how much there is.";
    return { code: "storage-full", message, detail };
  }
  const message =
    "The browser keeps nothing for this page, so the model will be fetched again at the next visit: leave the private " +
    "window, allow the page to store data, or serve it over HTTPS.";
  return { code: "storage-denied", message, detail };
}
