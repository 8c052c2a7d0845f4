import { fromRecord, toRecord } from "./errors.js";
import { loadSignature } from "./load-signature.js";
import type { Verified } from "./signature/verify-model.js";
import type { ChatSource } from "./worker/protocol.js";

/** What there is to know of a model's signature, if a key is pinned. See `verifyModel`. */
export async function verifySigned(
  publicKey: string | undefined,
  source: ChatSource,
  signal: AbortSignal | undefined,
): Promise<Verified | { signature: null; sha256?: undefined }> {
  if (publicKey === undefined) return { signature: null };
  try {
    const { verifyModel } = await loadSignature();
    return await verifyModel(publicKey, source, { fetch, signal });
  } catch (error) {
    signal?.throwIfAborted();
    // Errors of a script that is whole in itself are of a class of its own.
    throw fromRecord(toRecord(error));
  }
}
