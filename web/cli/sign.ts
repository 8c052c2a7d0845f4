import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, CommandError, UsageError } from "./command.js";
import { SIGNATURE } from "./manifests.js";
import { signFolder } from "./signing.js";

export const sign: Command = {
  usage: `DIR --key PRIVATE.pem [--to FILE]`,
  summary: "sign the files of a model, for apps that pin the public key",
  help: `DIR is the folder of one model, with all that belongs to it and nothing else. The key is Ed25519 or ECDSA on P-256, P-384
or P-521, in PEM without a password; openssl genpkey -algorithm ed25519 makes one, and openssl pkey -pubout its public key.
The signature is one of OpenSSF's model signing, in DIR/${SIGNATURE} unless given.`,
  options: { key: { type: "string" }, to: { type: "string" } },
  async run([folder, ...rest], { key, to }) {
    if (folder === undefined || rest.length > 0) throw new UsageError("sign: which folder?");
    if (key === undefined) throw new UsageError("sign: with which --key?");
    if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
      throw new CommandError(`${folder} is no folder`);
    }
    const out = to === undefined ? join(folder, SIGNATURE) : String(to);
    await writeFile(out, await signFolder(folder, await readKey(String(key)), out));
    console.log(out);
  },
};

async function readKey(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(path));
  } catch (error) {
    throw new CommandError(`${path} has no private key in PEM: ${(error as Error).message}`);
  }
}
