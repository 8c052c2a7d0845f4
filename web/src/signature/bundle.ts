import { InglenookError } from "../errors.js";
import { isHash, isPath } from "../manifest-values.js";
import type { ProvenanceSignature } from "../provenance.js";
import { digestOf, toHex } from "../worker/pieces.js";
import { fromBase64 } from "./base64.js";
import { keysIn, nameOfKey, verifyWith } from "./public-key.js";

// An OpenSSF model signature (https://github.com/ossf/model-signing-spec): a Sigstore bundle with a DSSE envelope around an
// in-toto statement.
export const MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const PAYLOAD_TYPE = "application/vnd.in-toto+json";
export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
export const PREDICATE_TYPE = "https://model_signing/signature/v1.0";

/** What a signature says. */
export interface Signed {
  /** The SHA-256 of every file that it covers, by the path below the model's folder. */
  files: ReadonlyMap<string, string>;
  signature: ProvenanceSignature;
}

/**
 * Verifies a model signature by any of the keys in `publicKey`, which is PEM.
 *
 * @throws `signature-invalid` where it is malformed or not by one of them, `signature-unsupported` for its methods or the
 *   browser's lack of them, `invalid-input` for a key that is none
 */
export async function verifyBundle(text: string, publicKey: string): Promise<Signed> {
  const keys = keysIn(publicKey);
  const { payload, sig, hint } = envelopeOf(parse(text));
  const signature = await signerOf(keys, sig, preAuthentication(payload), hint);
  const statement = parse(new TextDecoder().decode(payload));
  return { signature, files: await filesOf(statement) };
}

/** What is signed: DSSE's encoding of a payload and its type. */
export function preAuthentication(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `;
  const bytes = new Uint8Array(head.length + payload.length);
  bytes.set(new TextEncoder().encode(head));
  bytes.set(payload, head.length);
  return bytes;
}

/** The digest of the model as a whole: of the files' digests, in their order. */
export async function rootDigest(hashes: Iterable<string>): Promise<string> {
  const digests = [...hashes].join("").match(/../g) ?? [];
  return toHex(await digestOf(Uint8Array.from(digests, (byte) => Number.parseInt(byte, 16))));
}

type Member =
  | ("mediaType" | "dsseEnvelope" | "payloadType" | "payload" | "signatures" | "sig" | "verificationMaterial")
  | ("publicKey" | "hint" | "_type" | "subject" | "digest" | "sha256" | "predicateType" | "predicate")
  | ("serialization" | "method" | "hash_type" | "resources" | "name" | "algorithm");

/** Any JSON, of which nothing is known: a member may be there or not. */
type Json = { readonly [M in Member]?: Json | null } | undefined | null;

function parse(text: string): Json {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid("it is no JSON", cause);
  }
}

function envelopeOf(bundle: Json) {
  const envelope = bundle?.dsseEnvelope;
  mustBe(bundle?.mediaType, MEDIA_TYPE, "media type");
  mustBe(envelope?.payloadType, PAYLOAD_TYPE, "payload type");
  const signatures = listOf(envelope?.signatures);
  const [payload, sig] = [fromBase64(envelope?.payload), fromBase64(signatures[0]?.sig)];
  if (!payload || !sig || signatures.length !== 1) throw invalid("it has no payload or not one signature");
  const key = bundle?.verificationMaterial?.publicKey;
  if (!key) throw unsupported("it is by a certificate and not by a key");
  return { payload, sig, hint: key.hint };
}

async function signerOf(
  keys: Uint8Array<ArrayBuffer>[],
  sig: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  hint: unknown,
): Promise<ProvenanceSignature> {
  let reason: unknown;
  for (const der of keys) {
    try {
      const algorithm = await verifyWith(der, sig, message);
      if (algorithm) return { key: await nameOfKey(der), algorithm };
    } catch (error) {
      // Another key may be one that can be used.
      reason = error;
    }
  }
  if (reason) throw reason;
  const names = (await Promise.all(keys.map(nameOfKey))).join(" or ");
  // What the bundle says of its key is nobody's word.
  throw invalid(`it was changed, or is by ${isHash(hint) ? hint : "another key"} and not by ${names}`);
}

async function filesOf(statement: Json): Promise<Map<string, string>> {
  mustBe(statement?._type, STATEMENT_TYPE, "statement type");
  mustBe(statement?.predicateType, PREDICATE_TYPE, "predicate type");
  const { serialization, resources } = statement?.predicate ?? {};
  const methods = `${serialization?.method} by ${serialization?.hash_type}`;
  if (methods !== "files by sha256") throw unsupported(`its digests are of ${methods}`);
  const files = new Map<string, string>();
  for (const file of listOf(resources)) {
    const { name, algorithm, digest }: Partial<Record<Member, unknown>> = file ?? {};
    if (!isPath(name) || !isHash(digest) || algorithm !== "sha256") throw invalid("a digest is malformed");
    if (files.has(name)) throw invalid(`it has two digests of ${name}`);
    files.set(name, digest);
  }
  const subjects = listOf(statement?.subject);
  const root: unknown = subjects[0]?.digest?.sha256;
  if (subjects.length !== 1 || files.size === 0 || root !== (await rootDigest(files.values()))) {
    throw invalid("its subject is not the digest of its files");
  }
  return files;
}

function listOf(value: Json): Json[] {
  return Array.isArray(value) ? value : [];
}

function mustBe(found: unknown, wanted: string, what: string): void {
  if (found !== wanted) throw invalid(`its ${what} is not ${wanted}`);
}

export function invalid(why: string, cause?: unknown): InglenookError {
  return new InglenookError("signature-invalid", `The model's signature is refused: ${why}.`, { cause });
}

function unsupported(why: string): InglenookError {
  return new InglenookError("signature-unsupported", `The model's signature cannot be verified: ${why}.`);
}
