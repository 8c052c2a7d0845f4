import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** A key pair, and its public key in PEM. */
export interface Keys {
  privateKey: KeyObject;
  pem: string;
}

const pemOf = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();

export function ed25519(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { privateKey, pem: pemOf(publicKey) };
}

export function onCurve(namedCurve: string): Keys {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve });
  return { privateKey, pem: pemOf(publicKey) };
}

export const hashOf = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A statement on files by their hashes. It is right, as long as nobody changes it. */
export function statementOf(files: readonly (readonly [name: string, digest: string])[]) {
  const root = createHash("sha256");
  for (const [, digest] of files) root.update(Buffer.from(digest, "hex"));
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "model", digest: { sha256: root.digest("hex") } }],
    predicateType: "https://model_signing/signature/v1.0",
    predicate: {
      serialization: { method: "files", hash_type: "sha256", allow_symlinks: false } as Record<
        string,
        unknown
      >,
      resources: files.map(([name, digest]) => ({ name, algorithm: "sha256", digest })) as unknown[],
    },
  };
}

/** A bundle around `payload`, signed with `key` whatever it is; DSSE's encoding is written out here once more. */
export function bundleOf(payload: unknown, { privateKey, pem }: Keys, hash: string | null = null) {
  const text = Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
  const message = Buffer.concat([
    Buffer.from(`DSSEv1 28 application/vnd.in-toto+json ${text.length} `),
    text,
  ]);
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: hashOf(pem) } as unknown, tlogEntries: [] },
    dsseEnvelope: {
      payload: text.toString("base64"),
      payloadType: "application/vnd.in-toto+json",
      signatures: [{ sig: sign(hash, message, privateKey).toString("base64"), keyid: "" }] as unknown[],
    },
  };
}
