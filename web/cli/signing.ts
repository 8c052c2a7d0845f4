import { createPublicKey, type KeyObject, sign } from "node:crypto";
import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { sha256 } from "../../models/fetch/verify.mjs";
import { isPath } from "../src/manifest-values.js";
import { toBase64 } from "../src/signature/base64.js";
import {
  MEDIA_TYPE,
  PAYLOAD_TYPE,
  PREDICATE_TYPE,
  preAuthentication,
  rootDigest,
  STATEMENT_TYPE,
} from "../src/signature/bundle.js";
import { nameOfKey } from "../src/signature/public-key.js";
import { CommandError } from "./command.js";
import { SIGNATURE } from "./manifests.js";

/** What no signature covers, at the top of a folder. */
const IGNORED = [".git", ".gitattributes", ".github", ".gitignore", SIGNATURE];

/** The digest that ECDSA signs, by the curve; `null` for Ed25519, which needs none. */
const HASHES = new Map([
  ["ed25519", null],
  ["prime256v1", "sha256"],
  ["secp384r1", "sha384"],
  ["secp521r1", "sha512"],
]);

/** The OpenSSF model signature of all files of a folder, signatures and what git keeps there excepted. */
export async function signFolder(folder: string, key: KeyObject, out: string): Promise<string> {
  const ignored = [...new Set([...IGNORED, ...withinFolder(folder, out)])];
  const resources = [];
  for (const name of await filesIn(folder, ignored)) {
    resources.push({ name, algorithm: "sha256", digest: await sha256(join(folder, name)) });
  }
  if (resources.length === 0) throw new CommandError(`${folder} has no files`);
  const root = await rootDigest(resources.map(({ digest }) => digest));
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: basename(resolve(folder)), digest: { sha256: root } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      serialization: { method: "files", hash_type: "sha256", allow_symlinks: false, ignore_paths: ignored },
      resources,
    },
  };
  return bundleOf(new TextEncoder().encode(JSON.stringify(statement, null, 2)), key);
}

async function bundleOf(payload: Uint8Array, key: KeyObject): Promise<string> {
  const hash = HASHES.get(key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? "");
  if (hash === undefined) throw new CommandError("The key is neither Ed25519 nor on P-256, P-384 or P-521");
  const sig = toBase64(sign(hash, preAuthentication(payload), key));
  const hint = await nameOfKey(createPublicKey(key).export({ type: "spki", format: "der" }));
  return JSON.stringify({
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
    dsseEnvelope: {
      payload: toBase64(payload),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig, keyid: "" }],
    },
  });
}

/** The paths of all files below a folder, in the order of their code points. */
async function filesIn(folder: string, ignored: readonly string[]): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .map((entry) => ({ entry, path: pathOf(folder, entry) }))
    .filter(({ path }) => !ignored.some((name) => path === name || path.startsWith(`${name}/`)));
  const odd = paths.find(({ entry, path }) => !(entry.isFile() || entry.isDirectory()) || !isPath(path));
  if (odd)
    throw new CommandError(`${join(folder, odd.path)} is no plain file, or has a name that cannot be signed`);
  const files = paths.filter(({ entry }) => entry.isFile()).map(({ path }) => path);
  return files.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function pathOf(folder: string, entry: Dirent): string {
  return relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/");
}

/** The path of `file` in the folder, if it is there. */
function withinFolder(folder: string, file: string): string[] {
  const path = relative(resolve(folder), resolve(file)).split(sep).join("/");
  return isPath(path) ? [path] : [];
}
