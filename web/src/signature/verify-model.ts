import { InglenookError } from "../errors.js";
import type { ProvenanceSignature } from "../provenance.js";
import { CacheWriter, entryOfUrl, findCached, findSeal, openCache } from "../worker/cache.js";
import { folderOf } from "../worker/download.js";
import { persistently, TransientError } from "../worker/persist.js";
import type { ChatSource } from "../worker/protocol.js";
import { type Means, refused, request } from "../worker/request.js";
import { unlessStalled } from "../worker/stall.js";
import { invalid, verifyBundle } from "./bundle.js";
import { keysIn } from "./public-key.js";

/** A model that is signed, by the hashes that are, and who vouches for it. */
export interface Verified<S extends ChatSource> {
  signature: ProvenanceSignature;
  source: S;
}

/** A signature of more bytes is none. */
const MOST_BYTES = 4 << 20;

/**
 * Verifies that the signature beside a model is by one of the keys in `publicKey`, and covers every file. What comes back is
 * known by nothing but what is signed: a file at an address gets its hash, and one of a manifest keeps its SHA-256 alone. A
 * signature that was verified is kept with the model, and gives way to the host's when it does not fit any more.
 *
 * @throws `signature-missing`, `signature-invalid`, `signature-unsupported`, `network`, `http-status`, `invalid-input` for a
 *   key that is none; the signal's reason when aborted
 */
export async function verifyModel<S extends ChatSource>(
  publicKey: string,
  source: S,
  means: Means,
): Promise<Verified<S>> {
  keysIn(publicKey);
  const url = addressOf(source);
  const verify = async (text: string) => {
    const { files, signature } = await verifyBundle(text, publicKey);
    return { signature, source: asSigned(source, files) };
  };
  const kept = await findText(url);
  const known = kept === undefined ? undefined : await verify(kept).catch(() => undefined);
  if (known) return known;
  const text = await fetchText(url, means);
  const verified = await verify(text);
  await keep(url, text, source);
  return verified;
}

/** Where the signature lies. */
function addressOf(source: ChatSource): string {
  if (source.kind === "manifest") return `${folderOf(source.modelHost, source.manifest)}model.sig`;
  if (source.kind === "url") return new URL("model.sig", source.url).href;
  throw missing("A file from disk has none", source.name);
}

/** The source with the hashes that are signed. @throws `signature-invalid` where one of its files is not covered */
function asSigned<S extends ChatSource>(source: S, signed: ReadonlyMap<string, string>): S {
  if (source.kind !== "manifest") {
    const sha256 = signed.get(source.name);
    if (sha256 === undefined) throw invalid(`it does not cover ${source.name}`);
    return { ...source, sha256 };
  }
  const files = source.manifest.files.map(({ path, bytes, sha256 }) => {
    if (signed.get(path) !== sha256) throw invalid(`it does not cover ${path} with the manifest's hash`);
    return { path, bytes, sha256 };
  });
  return { ...source, manifest: { ...source.manifest, files } };
}

function fetchText(url: string, means: Means): Promise<string> {
  const ask = async () => {
    const response = await request(url, { cache: "no-cache" }, means);
    const { status, ok, headers } = response;
    const isPage = ok && headers.get("content-type")?.startsWith("text/html");
    if (ok && !isPage) return readText(response, url, means.signal);
    response.body?.cancel().catch(() => {});
    const isMissing = [403, 404, 410].includes(status) || isPage;
    throw isMissing ? missing(`Its host answers ${status}`, url) : refused(response, url);
  };
  return persistently(ask, () => 0, means.signal);
}

async function readText(response: Response, url: string, signal: AbortSignal | undefined): Promise<string> {
  const decoder = new TextDecoder();
  const reader = (response.body ?? new Blob().stream()).getReader();
  let [text, bytes] = ["", 0];
  try {
    for (;;) {
      const { done, value } = await unlessStalled(reader.read()).catch((cause) => {
        signal?.throwIfAborted();
        throw new TransientError("network", "The signature did not come whole.", { detail: url, cause });
      });
      if (done) return text;
      bytes += value.length;
      text += decoder.decode(value, { stream: true });
      if (bytes > MOST_BYTES) throw invalid(`it has more than ${MOST_BYTES} bytes`);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    throw error;
  }
}

async function findText(url: string): Promise<string | undefined> {
  const [cache, entry] = [await openCache(), entryOfUrl(url)];
  const stored = (await findSeal(cache, entry)) && (await findCached(cache, entry));
  return stored?.text().catch(() => undefined);
}

/** Keeps a signature. Where nothing can be kept, neither is the model, which says so. */
async function keep(url: string, text: string, source: ChatSource): Promise<void> {
  try {
    const cache = await openCache();
    if (!cache) return;
    const bytes = new TextEncoder().encode(text);
    const writer = new CacheWriter(cache, entryOfUrl(url));
    await writer.write(bytes);
    const name = source.kind === "manifest" ? source.manifest.id : (source as { url: string }).url;
    // 0: the signature is none of the model's files.
    await writer.commit({ bytes: bytes.length, complete: true, usedAt: Date.now(), models: { [name]: 0 } });
  } catch {}
}

function missing(why: string, detail: string): InglenookError {
  return new InglenookError("signature-missing", `There is no signature beside the model. ${why}.`, {
    detail,
  });
}
