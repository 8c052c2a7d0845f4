import { fromRecord, InglenookError } from "./errors.js";
import type { OfflineOptions, OfflineSite, OfflineUpdate } from "./offline.js";
import { cacheName } from "./service-worker/cache-name.js";
import type { InstallFailure, PageMessage } from "./service-worker/messages.js";

/** See `offline.register`. */
export async function register(url: string | URL, { onupdate }: OfflineOptions): Promise<OfflineSite> {
  const container = openContainer();
  const script = addressOf(url);
  const scope = new URL(".", script).href;
  if (!location.href.startsWith(scope)) {
    const message = `${script} is for pages under ${scope}, and this is none.`;
    throw new InglenookError("invalid-input", message, { detail: script });
  }
  const failure = installFailure(container);
  const registration = await container
    .register(script, { updateViaCache: "none" })
    .catch(async (cause: unknown) => Promise.reject(await reasonFor(script, cause)));
  await Promise.race([activated(registration, script), failure]);
  const isReady = () => ask(registration.active, "ready");
  const controlled = container.controller ? undefined : change(container);
  await isReady();
  await controlled;
  if (onupdate) watchUpdates(container, registration, onupdate);
  return { isReady };
}

/** See `offline.unregister`. */
export async function unregister(url: string | URL): Promise<boolean> {
  const container = openContainer();
  const script = addressOf(url);
  const registration = await container.getRegistration(script);
  const { active, waiting, installing } = registration ?? {};
  if (![active, waiting, installing].some((worker) => worker?.scriptURL === script)) return false;
  await registration?.unregister();
  await caches.delete(cacheName(registration?.scope ?? ""));
  return true;
}

function openContainer(): ServiceWorkerContainer {
  const container = globalThis.document && navigator.serviceWorker;
  if (container) return container;
  const message =
    "There are no service workers here: serve the page over HTTPS, leave the private window, or allow the page to store data.";
  throw new InglenookError("storage-denied", message);
}

function addressOf(url: string | URL): string {
  try {
    return new URL(url, globalThis.document?.baseURI).href;
  } catch (cause) {
    throw new InglenookError("invalid-input", `The service worker's address is none: ${url}.`, { cause });
  }
}

/** Rejects when a worker that is being installed says why it cannot be. */
function installFailure(container: ServiceWorkerContainer): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    container.addEventListener("message", ({ data }: MessageEvent<Partial<InstallFailure> | null>) => {
      if (data?.inglenook === "install-failed" && data.error) reject(fromRecord(data.error));
    });
  });
  failure.catch(() => {});
  container.startMessages();
  return failure;
}

/** Why `register` failed, which it does not say in a way that code could tell. */
async function reasonFor(script: string, cause: unknown): Promise<InglenookError> {
  const options = { detail: script, cause };
  const response = await fetch(script, { cache: "no-store" }).catch(() => undefined);
  const found = await response?.body?.cancel().then(() => response);
  if (!found)
    return new InglenookError("network", "The service worker's script could not be fetched.", options);
  if (!found.ok) {
    const message = `The host answered ${found.status} for the service worker's script: \`inglenook offline\` writes it.`;
    return new InglenookError("http-status", message, options);
  }
  if (!found.headers.get("Content-Type")?.includes("javascript")) {
    const message =
      "What the host has at the service worker's address is no script: `inglenook offline` writes one.";
    return new InglenookError("malformed-file", message, options);
  }
  const isDenied = (cause as Error)?.name === "SecurityError";
  const message = `The browser did not start the service worker: ${cause}.`;
  return new InglenookError(isDenied ? "storage-denied" : "worker", message, options);
}

/** How long the reason of a failure, which comes another way, may take longer than the failure. */
const REASON_MS = 2000;

async function activated(registration: ServiceWorkerRegistration, script: string): Promise<void> {
  const worker = registration.installing ?? registration.waiting;
  if (registration.active || !worker) return;
  const state = await new Promise<ServiceWorkerState>((resolve) => {
    const look = () => ["activated", "redundant"].includes(worker.state) && resolve(worker.state);
    worker.addEventListener("statechange", look);
    look();
  });
  if (state === "activated") return;
  await new Promise((resolve) => setTimeout(resolve, REASON_MS));
  throw new InglenookError("worker", "The service worker could not be installed.", { detail: script });
}

function watchUpdates(
  container: ServiceWorkerContainer,
  registration: ServiceWorkerRegistration,
  onupdate: (update: OfflineUpdate) => void,
): void {
  const watch = (worker: ServiceWorker | null) => {
    const look = () =>
      worker?.state === "installed" && onupdate({ apply: () => apply(container, registration) });
    worker?.addEventListener("statechange", look);
    look();
  };
  watch(registration.waiting);
  watch(registration.installing);
  registration.addEventListener("updatefound", () => watch(registration.installing));
}

async function apply(
  container: ServiceWorkerContainer,
  { waiting }: ServiceWorkerRegistration,
): Promise<boolean> {
  if (waiting) {
    const taken = change(container);
    if (!(await ask(waiting, "apply"))) return false;
    await taken;
  }
  location.reload();
  return true;
}

/** The next change of the worker that controls this page. */
function change(container: ServiceWorkerContainer): Promise<unknown> {
  return new Promise((resolve) => container.addEventListener("controllerchange", resolve, { once: true }));
}

function ask(worker: ServiceWorker | null, inglenook: PageMessage["inglenook"]): Promise<boolean> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<boolean>) => resolve(data);
    worker?.postMessage({ inglenook } satisfies PageMessage, [port2]);
  });
}
