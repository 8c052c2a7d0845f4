import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, CommandError, PACKAGE, UsageError } from "./command.js";
import { type ListedFile, listSite } from "./site-files.js";

const SCRIPT = "sw.js";

export const offline: Command = {
  usage: "DIR [--remove]",
  summary: "write a service worker by which a built site works without a network",
  help: `DIR is a built site, as the host will have it: run this after every build, and after anything that changes its files.
DIR/${SCRIPT} keeps what it has, but for models, which the package keeps by itself, source maps, names that begin with a
dot, and in DIR itself with an underscore. The package's wasm files, and others over 1 MiB that are no page, script or
style, are kept once a page has used them.
With --remove, DIR/${SCRIPT} takes earlier ones, and what they keep, away from browsers.`,
  options: { remove: { type: "boolean" } },
  async run([folder, ...rest], { remove }) {
    if (folder === undefined || rest.length > 0) throw new UsageError("offline: which folder?");
    const info = await stat(folder).catch(() => undefined);
    if (!info?.isDirectory()) throw new CommandError(`${folder} is no folder`);
    const files = remove ? [] : await listSite(folder, SCRIPT);
    if (!remove && files.length === 0) throw new CommandError(`${folder} has no files`);
    const path = join(folder, SCRIPT);
    await writeFile(path, await scriptFor(files));
    console.log(`${path}: ${remove ? "removes earlier ones" : describe(files)}`);
  },
};

/** The list of the files, and what is done with it. */
async function scriptFor(files: readonly ListedFile[]): Promise<string> {
  const lines = files.map(
    ({ path, sha256, part }) => `${JSON.stringify([path, sha256, part].filter(Boolean))},\n`,
  );
  const body = await readFile(join(PACKAGE, "offline-worker.js"), "utf8");
  return `const INGLENOOK_FILES = [\n${lines.join("")}];\n${body}`;
}

function describe(files: readonly ListedFile[]): string {
  const later = files.filter(({ part }) => part !== undefined);
  const first = files.filter(({ part }) => part === undefined);
  return `keeps ${count(first)}, and when a page has used them ${count(later)}`;
}

function count(files: readonly ListedFile[]): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return `${files.length} ${files.length === 1 ? "file" : "files"} (${(bytes / 1e6).toFixed(1)} MB)`;
}
