import { InglenookError } from "../errors.js";
import type { ProvenanceSignature } from "../provenance.js";
import { digestOf, toHex } from "../worker/pieces.js";
import { fromBase64, toBase64 } from "./base64.js";
import { rawSignature } from "./raw-signature.js";

/** A kind of key, by how its DER begins, and what WebCrypto calls it. */
interface Kind {
  name: ProvenanceSignature["algorithm"];
  prefix: string;
  key: Algorithm | EcKeyImportParams;
  verify: Algorithm | EcdsaParams;
  /** Bytes of one of the two numbers that an ECDSA signature consists of. */
  size?: number;
}

const ecdsa = (name: Kind["name"], prefix: string, hash: string, size: number): Kind => ({
  name,
  prefix,
  key: { name: "ECDSA", namedCurve: name },
  verify: { name: "ECDSA", hash },
  size,
});

const KINDS: readonly Kind[] = [
  {
    name: "Ed25519",
    prefix: "302a300506032b6570032100",
    key: { name: "Ed25519" },
    verify: { name: "Ed25519" },
  },
  ecdsa("P-256", "3059301306072a8648ce3d020106082a8648ce3d03010703420004", "SHA-256", 32),
  ecdsa("P-384", "3076301006072a8648ce3d020106052b8104002203620004", "SHA-384", 48),
  ecdsa("P-521", "30819b301006072a8648ce3d020106052b810400230381860004", "SHA-512", 66),
];

/** The public keys of a PEM text, in DER. @throws `invalid-input` where there is none */
export function keysIn(pem: string): Uint8Array<ArrayBuffer>[] {
  const blocks = String(pem).matchAll(/-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----/g);
  const keys = [...blocks].map(([, text = ""]) => fromBase64(text.replace(/\s/g, "")));
  if (keys.length > 0 && keys.every((key) => key !== undefined)) return keys;
  throw new InglenookError("invalid-input", "publicKey is no public key in PEM.", { detail: "publicKey" });
}

/** The name of a key: the SHA-256 of its PEM text, as OpenSSF model signatures have it. */
export async function nameOfKey(der: Uint8Array): Promise<string> {
  const lines = toBase64(der).replace(/.{64}(?=.)/g, "$&\n");
  const pem = `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
  return toHex(await digestOf(new TextEncoder().encode(pem)));
}

/**
 * Whether `signature` is that of `message` by the key, and of which kind that is; `undefined` where it is not.
 *
 * @throws `signature-unsupported` where this browser, or this package, has no such keys
 */
export async function verifyWith(
  der: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<Kind["name"] | undefined> {
  const hex = toHex(der);
  const kind = KINDS.find(({ prefix }) => hex.startsWith(prefix));
  if (!kind) throw unsupported("The public key is neither Ed25519 nor ECDSA on P-256, P-384 or P-521.");
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) throw unsupported("Without a secure context (HTTPS) a page cannot verify signatures.");
  const key = await subtle.importKey("spki", der, kind.key, false, ["verify"]).catch((cause: Error) => {
    if (cause.name === "NotSupportedError") throw unsupported(`This browser has no ${kind.name}.`, cause);
    throw new InglenookError("invalid-input", "publicKey is broken.", { detail: "publicKey", cause });
  });
  const raw = kind.size === undefined ? signature : rawSignature(signature, kind.size);
  return raw && (await subtle.verify(kind.verify, key, raw, message)) ? kind.name : undefined;
}

function unsupported(message: string, cause?: Error): InglenookError {
  return new InglenookError("signature-unsupported", message, { cause });
}
