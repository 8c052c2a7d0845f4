import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { verifyBundle } from "../../../web/src/signature/bundle.js";
import { ROOT } from "../../../web/stage.mjs";
import { bundleOf, ed25519, hashOf, onCurve, statementOf } from "./make.js";

const golden = (path: string) => readFileSync(join(ROOT, "tests/golden", path));
const KEYS = ed25519();
const OTHER = ed25519();
const FILES = [
  ["config.json", hashOf("{}")],
  ["sub/weights.gguf", hashOf("weights")],
] as const;
const GOOD = () => statementOf(FILES);

/** What becomes of a bundle that is right but for what `change` does to it. */
const refusal = (change: (bundle: ReturnType<typeof bundleOf>) => unknown, pem = KEYS.pem) => {
  const bundle = bundleOf(GOOD(), KEYS);
  const changed = change(bundle) ?? bundle;
  return verifyBundle(typeof changed === "string" ? changed : JSON.stringify(changed), pem);
};

/** The same of a statement that is signed as it is. */
const statementRefusal = (change: (statement: ReturnType<typeof statementOf>) => unknown) => {
  const statement = GOOD();
  const changed = change(statement) ?? statement;
  return verifyBundle(JSON.stringify(bundleOf(changed, KEYS)), KEYS.pem);
};

const invalid = { code: "signature-invalid" };
const unsupported = { code: "signature-unsupported" };

afterEach(() => vi.unstubAllGlobals());

describe("signatures of OpenSSF's tool", () => {
  it.each([
    ["p256", "P-256"],
    ["p384", "P-384"],
    ["p521", "P-521"],
  ] as const)("are verified: %s", async (name, algorithm) => {
    const pem = golden(`signatures/${name}.pem`).toString();
    const { files, signature } = await verifyBundle(golden(`signatures/${name}.sig`).toString(), pem);
    expect(signature).toEqual({ algorithm, key: hashOf(pem) });
    expect(files.size).toBe(7);
    for (const [path, sha256] of files) expect(sha256).toBe(hashOf(golden(`tiny-bert-cls/${path}`)));
  });

  it("are refused with another key, and with another byte", async () => {
    const [text, pem] = [golden("signatures/p256.sig").toString(), golden("signatures/p256.pem").toString()];
    await expect(verifyBundle(text, onCurve("prime256v1").pem)).rejects.toMatchObject(invalid);
    const bundle = JSON.parse(text);
    const payload = Buffer.from(bundle.dsseEnvelope.payload, "base64").toString();
    bundle.dsseEnvelope.payload = Buffer.from(payload.replace("tokenizer.json", "tokenizer.jsom")).toString(
      "base64",
    );
    await expect(verifyBundle(JSON.stringify(bundle), pem)).rejects.toMatchObject(invalid);
  });
});

describe("keys", () => {
  it("are Ed25519, too", async () => {
    const { files, signature } = await verifyBundle(JSON.stringify(bundleOf(GOOD(), KEYS)), KEYS.pem);
    expect(signature).toEqual({ algorithm: "Ed25519", key: hashOf(KEYS.pem) });
    expect([...files]).toEqual(FILES);
  });

  it.each(["prime256v1", "secp384r1", "secp521r1"])("have signatures of any length: %s", async (curve) => {
    const keys = onCurve(curve);
    const hash = { prime256v1: "sha256", secp384r1: "sha384", secp521r1: "sha512" }[curve] ?? null;
    for (let i = 0; i < 40; i++) {
      const text = JSON.stringify(bundleOf(GOOD(), keys, hash));
      expect((await verifyBundle(text, keys.pem)).files.size).toBe(2);
    }
  });

  it("may be several, of which one is enough", async () => {
    const text = JSON.stringify(bundleOf(GOOD(), KEYS));
    for (const pem of [OTHER.pem + KEYS.pem, KEYS.pem + OTHER.pem, `old:\n${OTHER.pem}new:\r\n${KEYS.pem}`]) {
      expect((await verifyBundle(text, pem)).signature.key).toBe(hashOf(KEYS.pem));
    }
    await expect(verifyBundle(text, OTHER.pem + ed25519().pem)).rejects.toMatchObject(invalid);
  });

  it("that are none are refused, and never ignored", async () => {
    const text = JSON.stringify(bundleOf(GOOD(), KEYS));
    const private_ = KEYS.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const broken = KEYS.pem.replace(/\n[A-Za-z0-9]/, "\n*");
    for (const pem of ["", "ssh-ed25519 AAAA", private_, broken, null, 7] as string[]) {
      await expect(verifyBundle(text, pem), `${pem}`).rejects.toMatchObject({ code: "invalid-input" });
    }
  });

  it("of other kinds are refused, and those that this browser has not", async () => {
    await expect(refusal(() => {}, onCurve("secp256k1").pem)).rejects.toMatchObject(unsupported);
    const { subtle } = crypto;
    const importKey = async () => Promise.reject(new DOMException("no", "NotSupportedError"));
    vi.stubGlobal("crypto", { subtle: { digest: subtle.digest.bind(subtle), importKey } });
    await expect(refusal(() => {})).rejects.toMatchObject({ ...unsupported, message: /no Ed25519/ });
    vi.stubGlobal("crypto", {});
    await expect(refusal(() => {})).rejects.toMatchObject({ ...unsupported, message: /secure context/ });
  });

  it("that cannot be used do not keep another from being used", async () => {
    const text = JSON.stringify(bundleOf(GOOD(), KEYS));
    const { signature } = await verifyBundle(text, onCurve("secp256k1").pem + KEYS.pem);
    expect(signature.algorithm).toBe("Ed25519");
  });
});

describe("bundles that are refused", () => {
  const envelope = (change: object) => (bundle: ReturnType<typeof bundleOf>) => {
    Object.assign(bundle.dsseEnvelope, change);
  };
  const sigOf = (bytes: Uint8Array) => [{ sig: Buffer.from(bytes).toString("base64") }];

  it.each<[what: string, change: Parameters<typeof refusal>[0]]>([
    ["nothing", () => " "],
    ["no JSON", () => "<!doctype html>"],
    ["deep JSON", () => "[".repeat(1_000_000)],
    ["null", () => "null"],
    ["a number", () => "7"],
    ["an array", () => "[]"],
    [
      "another media type",
      (bundle) => {
        bundle.mediaType += "2";
      },
    ],
    ["no envelope", (bundle) => ({ ...bundle, dsseEnvelope: undefined })],
    ["an envelope that is a text", (bundle) => ({ ...bundle, dsseEnvelope: "payload" })],
    ["another payload type", envelope({ payloadType: "application/json" })],
    ["a payload that is a number", envelope({ payload: 7 })],
    ["a payload in bad base64", envelope({ payload: "?" })],
    ["another payload", envelope({ payload: Buffer.from("{}").toString("base64") })],
    ["no signature", envelope({ signatures: [] })],
    ["signatures that are no list", envelope({ signatures: { 0: { sig: "AAAA" }, length: 1 } })],
    ["a signature that is null", envelope({ signatures: [null] })],
    ["a signature in bad base64", envelope({ signatures: [{ sig: "AA*A" }] })],
    ["a signature that is too short", envelope({ signatures: sigOf(new Uint8Array(63)) })],
    ["a signature of zeros", envelope({ signatures: sigOf(new Uint8Array(64)) })],
    ["two signatures", ({ dsseEnvelope }) => void dsseEnvelope.signatures.push(dsseEnvelope.signatures[0])],
  ])("%s", async (_, change) => {
    await expect(refusal(change)).rejects.toMatchObject(invalid);
  });

  it("those of certificates", async () => {
    await expect(
      refusal((bundle) => ({ ...bundle, verificationMaterial: { x509CertificateChain: {} } })),
    ).rejects.toMatchObject(unsupported);
  });

  it("say whose they are", async () => {
    const outcome = refusal(() => {}, OTHER.pem);
    await expect(outcome).rejects.toThrow(hashOf(KEYS.pem));
    await expect(outcome).rejects.toThrow(hashOf(OTHER.pem));
    const long = (bundle: ReturnType<typeof bundleOf>) => {
      bundle.verificationMaterial.publicKey = { hint: "x".repeat(1_000_000) };
    };
    const { message } = await refusal(long, OTHER.pem).catch((error) => error);
    expect(message.length).toBeLessThan(300);
  });
});

describe("signed statements that are refused", () => {
  type Statement = ReturnType<typeof statementOf>;
  const signed = (files: readonly (readonly [unknown, unknown])[]) => () =>
    statementOf(files as typeof FILES);
  const resource = (change: object) => (statement: Statement) => {
    Object.assign(statement.predicate.resources[0] as object, change);
  };

  it.each<[what: string, change: Parameters<typeof statementRefusal>[0]]>([
    ["no JSON", () => "{"],
    ["null", () => "null"],
    [
      "another type",
      (statement) => {
        statement._type += "1";
      },
    ],
    [
      "another predicate",
      (statement) => {
        statement.predicateType = "https://model_signing/Digests/v0.1";
      },
    ],
    [
      "no predicate",
      (statement) => ({ ...statement, predicate: { serialization: statement.predicate.serialization } }),
    ],
    [
      "no subject",
      (statement) => {
        statement.subject = [];
      },
    ],
    ["two subjects", (statement) => void statement.subject.push(...statement.subject)],
    [
      "the digest of other files",
      (statement) => {
        statement.subject[0] = { name: "x", digest: { sha256: hashOf("x") } };
      },
    ],
    ["no files", signed([])],
    [
      "files that are no list",
      (statement) => {
        statement.predicate.resources = {} as unknown[];
      },
    ],
    ["a file that is null", (statement) => void statement.predicate.resources.push(null)],
    ["two digests of a file", signed([FILES[0], FILES[0]])],
    [
      "a file twice, and once in the digest",
      (statement) => void statement.predicate.resources.push(statement.predicate.resources[1]),
    ],
    ["a path upwards", signed([["../config.json", FILES[0][1]]])],
    ["a path through nowhere", signed([["a/../config.json", FILES[0][1]]])],
    ["an absolute path", signed([["/config.json", FILES[0][1]]])],
    ["a path with backslashes", signed([["a\\config.json", FILES[0][1]]])],
    ["an empty path", signed([["", FILES[0][1]]])],
    ["a path that is a number", resource({ name: 7 })],
    ["a digest in capitals", resource({ digest: FILES[0][1].toUpperCase() })],
    ["a short digest", signed([["a", "00"]])],
    ["a digest by another algorithm", resource({ algorithm: "sha512" })],
  ])("%s", async (_, change) => {
    await expect(statementRefusal(change)).rejects.toMatchObject(invalid);
  });

  it.each([
    ["shards", { method: "shards", hash_type: "sha256", shard_size: 1 }],
    ["another hash", { method: "files", hash_type: "blake3" }],
    ["nothing said", undefined],
  ])("those of other methods: %s", async (_, serialization) => {
    const change = ({ predicate, ...rest }: Statement) => ({
      ...rest,
      predicate: { ...predicate, serialization },
    });
    await expect(statementRefusal(change)).rejects.toMatchObject(unsupported);
  });

  it("but not those with more than is known", async () => {
    const { files } = await verifyBundle(
      JSON.stringify(bundleOf({ ...GOOD(), more: 1, subject: [{ ...GOOD().subject[0], uri: "x" }] }, KEYS)),
      KEYS.pem,
    );
    expect([...files]).toEqual(FILES);
  });

  it("and a name of an object's own is a file's, too", async () => {
    const digest = createHash("sha256").update("x").digest("hex");
    const { files } = await verifyBundle(
      JSON.stringify(bundleOf(statementOf([["__proto__", digest]]), KEYS)),
      KEYS.pem,
    );
    expect([...files]).toEqual([["__proto__", digest]]);
  });
});
