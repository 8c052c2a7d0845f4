import { worker } from "./site.js";

const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** What browsers want the headers of: pages, frames in them, and workers. */
const ISOLATED: ReadonlySet<RequestDestination> = new Set([
  "document",
  "iframe",
  "frame",
  "worker",
  "sharedworker",
]);

/** Whether the answer to `request` decides on isolation. */
export function isIsolated({ url, destination }: Request): boolean {
  return ISOLATED.has(destination) && new URL(url).origin === worker.location.origin;
}

/** These headers, and those of a cross-origin isolated page where the host sends none. */
export function withIsolation(given: Headers): Headers {
  const headers = new Headers(given);
  for (const [name, value] of Object.entries(HEADERS)) if (!headers.has(name)) headers.set(name, value);
  return headers;
}

/** The same answer with these headers. */
export function isolated(response: Response): Response {
  // A redirection that the browser follows by itself: nothing of it can be read.
  if (response.status === 0) return response;
  const { status, statusText } = response;
  const headers = withIsolation(response.headers);
  // Without a type it would be offered as a download.
  if (!response.ok && !headers.has("Content-Type")) headers.set("Content-Type", "text/plain");
  return new Response(response.body, { status, statusText, headers });
}
