/**
 * The body of `sw.js`: answers for the site's files from the browser's storage, and makes its pages cross-origin isolated.
 * A version of the site takes over when no page of the one before it is open, or when the last one asks for it.
 */
import { InglenookError, toRecord } from "../errors.js";
import { isIsolated, isolated } from "./isolate.js";
import { dropOthers, findKept, isReady, keepLater, keepSite } from "./keep.js";
import type { InstallFailure, PageMessage } from "./messages.js";
import { allFiles, fileFor, type SiteFile, spareFor, worker } from "./site.js";

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const file = fileFor(request);
  const spare = spareFor(request);
  if (file) event.respondWith(answer(event, file));
  else if (spare || isIsolated(request)) event.respondWith(ask(request, spare));
});

worker.addEventListener("message", (event) => {
  const { inglenook } = Object(event.data) as Partial<PageMessage>;
  const work = inglenook === "ready" ? ready() : inglenook === "apply" ? apply(event.source) : undefined;
  if (work) event.waitUntil(work.catch(() => false).then((answer) => event.ports[0]?.postMessage(answer)));
});

async function install(): Promise<void> {
  try {
    if (allFiles().length > 0) await keepSite();
    else if (!worker.registration.active) await refuse();
  } catch (error) {
    const failure: InstallFailure = { inglenook: "install-failed", error: toRecord(error) };
    for (const page of await pages()) page.postMessage(failure);
    throw error;
  }
}

/** Does not begin what would end at once: a page that registers a worker which removes earlier ones is told so. */
async function refuse(): Promise<never> {
  await dropOthers();
  const message = "The site is not kept any more: its service worker removes itself.";
  throw new InglenookError("worker", message, { detail: worker.location.href });
}

async function activate(): Promise<void> {
  await dropOthers();
  if (allFiles().length === 0) await worker.registration.unregister();
  else await worker.clients.claim();
}

async function answer(event: FetchEvent, file: SiteFile): Promise<Response> {
  const kept = await findKept(file);
  if (kept) return kept;
  const response = await fetch(event.request);
  event.waitUntil(keepLater(file, response.clone()));
  return isolated(response);
}

/** The host's answer; where that cannot be had, what is kept in its place. */
async function ask(request: Request, spare: SiteFile | undefined): Promise<Response> {
  try {
    const response = await fetch(request);
    return isIsolated(request) ? isolated(response) : response;
  } catch (error) {
    // In a folder's page addresses are relative to the folder, whose own ends in a slash.
    const page =
      request.mode === "navigate" && spare && new URL(`.${new URL(request.url).search}`, spare.url);
    const kept = page ? Response.redirect(page) : spare && (await findKept(spare));
    if (!kept) throw error;
    return kept;
  }
}

async function ready(): Promise<boolean> {
  // A page that was reloaded past this worker is not under its control.
  await worker.clients.claim();
  return isReady();
}

async function apply(asking: ExtendableMessageEvent["source"]): Promise<boolean> {
  const others = (await pages()).filter(({ id }) => id !== (asking as Client | null)?.id);
  if (others.some(({ url }) => url.startsWith(worker.registration.scope))) return false;
  // It takes over when this event is over.
  void worker.skipWaiting();
  return true;
}

/** The pages of this origin, whatever controls them. */
function pages(): Promise<readonly WindowClient[]> {
  return worker.clients.matchAll({ type: "window", includeUncontrolled: true });
}
