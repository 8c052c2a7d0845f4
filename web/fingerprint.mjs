/** Says whether what a step reads has changed since it last ran. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The hash of files and folders (all that is in them), with what else decides the outcome.
 * @param {readonly string[]} paths  those that do not exist count as absent
 * @param {...string} rest
 */
export function fingerprint(paths, ...rest) {
  const hash = createHash("sha256");
  for (const part of rest) hash.update(`${part}\0`);
  for (const path of paths.flatMap(filesIn)) hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

/**
 * Runs `work` unless it has succeeded before with the same fingerprint and left all of `outputs`.
 * @param {{ stamp: string, fingerprint: string, outputs: readonly string[] }} step
 * @param {() => Promise<void>} work
 * @returns {Promise<boolean>} whether it ran
 */
export async function unlessCurrent({ stamp, fingerprint, outputs }, work) {
  const current = existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint;
  if (current && outputs.every((path) => existsSync(path))) return false;
  await work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, fingerprint);
  return true;
}

/** Writes a file only if that changes it, so that nothing downstream looks newer than it is. */
export function writeIfChanged(path, content) {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(content))) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function filesIn(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesIn(join(path, name)));
}
