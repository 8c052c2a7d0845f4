import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../../models/fetch/manifest.mjs";
import { describeFiles } from "../../models/fetch/models.mjs";
import { mismatch, sha256 } from "../../models/fetch/verify.mjs";
import { InglenookError } from "../src/errors.js";
import { verifyBundle } from "../src/signature/bundle.js";
import { type Command, CommandError, MODELS } from "./command.js";
import { MANIFEST, manifestsIn, SIGNATURE } from "./manifests.js";

export const verify: Command = {
  usage: "[DIR] [--key PUBLIC.pem]",
  summary: "check the size and SHA-256 of every file of the models in a folder",
  help: `DIR is ${MODELS} unless given. Fails when a file is missing or is not the one that its manifest describes, and
when there is no model at all. With a key, or several in one file, also when a model has no ${SIGNATURE} by one of them that
covers its files and its ${MANIFEST}.`,
  options: { key: { type: "string" } },
  async run([folder = MODELS], { key }) {
    const manifests = await manifestsIn(folder);
    if (manifests.length === 0) throw new CommandError(`${folder} has no models`);
    const publicKey = key === undefined ? undefined : await textOf(String(key));
    const complaints: string[] = [];
    for (const manifest of manifests) {
      const found = [
        ...(await wrongFiles(folder, manifest)),
        ...(publicKey === undefined ? [] : await wrongSignature(folder, manifest, publicKey)),
      ];
      complaints.push(...found);
      const how = publicKey === undefined ? "verified" : "verified and signed";
      if (found.length === 0) console.log(`${manifest.id}: ${describeFiles(manifest.files)} ${how}`);
    }
    if (complaints.length > 0) throw new CommandError(complaints.join("\n"));
  },
};

async function wrongFiles(folder: string, { id, files }: Manifest): Promise<string[]> {
  const complaints: string[] = [];
  for (const file of files) {
    const path = join(folder, id, file.path);
    const difference = await mismatch(path, file);
    if (difference) complaints.push(`${path} ${difference}`);
  }
  return complaints;
}

/** What the signature of a model lacks. */
async function wrongSignature(folder: string, { id, files }: Manifest, publicKey: string): Promise<string[]> {
  const path = join(folder, id, SIGNATURE);
  try {
    const signed = await verifyBundle(await textOf(path), publicKey);
    const manifest = join(folder, id, MANIFEST);
    const own = await sha256(manifest).catch(() => undefined);
    const all = own === undefined ? files : [...files, { path: MANIFEST, sha256: own }];
    const uncovered = all.filter((file) => signed.files.get(file.path) !== file.sha256);
    return uncovered.map((file) => `${path} does not cover ${file.path} as it is`);
  } catch (error) {
    if (error instanceof InglenookError || error instanceof CommandError)
      return [`${path}: ${error.message}`];
    throw error;
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw new CommandError(`${path} cannot be read`);
  }
}
