import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { sha256 as hashOf } from "../../models/fetch/verify.mjs";
import { PACKAGE } from "./command.js";

/** A file of a site. */
export interface ListedFile {
  /** From the site's folder, with slashes. */
  path: string;
  bytes: number;
  sha256: string;
  /** Of one that is kept when a page first asks for it, what it is to the site in any version. */
  part: string | undefined;
}

/** What is kept from the beginning is smaller, unless a page does not start without it. */
const LARGE = 1 << 20;
const VITAL = /\.(html|js|mjs|css)$/;

/** Hidden files and those of hosts, which a host does not hand out, unlike Next.js's; models; and what no page asks for. */
const LEFT_OUT = [
  /(^|\/)\./,
  /^_(?!_next\.)[^/]*$/,
  /^404\.html$/,
  /^models\//,
  /\.(gguf|safetensors|map|d\.ts)$/,
  /(^|\/)(provenance\.json|THIRD-PARTY-LICENCES\.txt)$/,
];

/** What of the package is for no page of the site's own origin. */
const ELSEWHERE = /^(cli|node|cdn|offline-worker)\b.*\.js$/;

/** The files in `folder` that its pages may ask for, in the order of their paths, without the one named `script`. */
export async function listSite(folder: string, script: string): Promise<ListedFile[]> {
  const own = await ownFiles();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => path !== script && !LEFT_OUT.some((pattern) => pattern.test(path)))
    .sort();
  const files: ListedFile[] = [];
  for (const path of paths) {
    const file = join(folder, path);
    const [sha256, { size: bytes }] = await Promise.all([hashOf(file), stat(file)]);
    const name = own.get(sha256);
    if (name && ELSEWHERE.test(name)) continue;
    const build = name?.endsWith(".wasm") ? name : undefined;
    const part = build ?? (bytes > LARGE && !VITAL.test(path) ? path : undefined);
    files.push({ path, bytes, sha256, part });
  }
  return files;
}

/** The package's scripts and wasm files by their hash: bundlers rename them. */
async function ownFiles(): Promise<Map<string, string>> {
  const names = (await readdir(PACKAGE)).filter((name) => /\.(js|wasm)$/.test(name));
  const hashed = names.map(async (name) => [await hashOf(join(PACKAGE, name)), name] as const);
  return new Map(await Promise.all(hashed));
}
