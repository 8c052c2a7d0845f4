/**
 * The site's files, which `inglenook offline` writes in front of this script: their path from its folder, their SHA-256, and,
 * of those that are kept only once a page has asked for them, what they are to the site in any version.
 */
declare const INGLENOOK_FILES: readonly (readonly [path: string, sha256: string, part?: string])[];

/** A file of the site. */
export interface SiteFile {
  /** Its path from the site's folder. */
  path: string;
  sha256: string;
  part: string | undefined;
  url: string;
  /** Under which it is kept. */
  key: string;
}

export const worker = self as unknown as ServiceWorkerGlobalScope;
const { scope } = worker.registration;

const files = new Map(
  INGLENOOK_FILES.map(([path, sha256, part]): [string, SiteFile] => {
    const url = new URL(path.split("/").map(encodeURIComponent).join("/"), scope).href;
    const query = new URLSearchParams({ sha256, ...(part !== undefined && { part }) });
    return [path, { path, sha256, part, url, key: `${url}?${query}` }];
  }),
);

/** All files; none where the site is to work without this worker again. */
export const allFiles = (): SiteFile[] => [...files.values()];

/** The file that `request` means; `undefined` where the network has to answer. */
export function fileFor(request: Request): SiteFile | undefined {
  const path = pathOf(request);
  if (path === undefined) return undefined;
  // Only of pages is it sure that the query changes nothing.
  if (request.mode !== "navigate") return new URL(request.url).search === "" ? files.get(path) : undefined;
  return files.get(path) ?? files.get(/(^|\/)$/.test(path) ? `${path}index.html` : `${path}.html`);
}

/** The file that will do where the network has to answer `request`, and cannot: one with a query, or a folder's page. */
export function spareFor(request: Request): SiteFile | undefined {
  const path = pathOf(request);
  return path === undefined
    ? undefined
    : files.get(request.mode === "navigate" ? `${path}/index.html` : path);
}

/** Where in the site the file would lie that `request` is for; `undefined` where none of the site's will do. */
function pathOf({ method, url, headers, cache }: Request): string | undefined {
  if (method !== "GET" || headers.has("range") || cache === "no-store" || !url.startsWith(scope))
    return undefined;
  const path = new URL(url).pathname.slice(new URL(scope).pathname.length);
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
