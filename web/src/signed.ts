import { fromRecord, toRecord } from "./errors.js";
import { loadSignature } from "./load-signature.js";
import type { ProvenanceSignature } from "./provenance.js";
import type { ChatSource } from "./worker/protocol.js";

/** A model as it is signed, if a key is pinned, or as it is. See `verifyModel`. */
export async function verifySigned<S extends ChatSource>(
  publicKey: string | undefined,
  source: S,
  signal: AbortSignal | undefined,
): Promise<{ source: S; signature: ProvenanceSignature | null }> {
  if (publicKey === undefined) return { source, signature: null };
  try {
    const { verifyModel } = await loadSignature();
    return await verifyModel(publicKey, source, { fetch, signal });
  } catch (error) {
    signal?.throwIfAborted();
    // Errors of a script that is whole in itself are of a class of its own.
    throw fromRecord(toRecord(error));
  }
}
