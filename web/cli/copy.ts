import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Command, PACKAGE, UsageError } from "./command.js";

/** What workers consist of: what a bundle asks for beside itself. */
const BESIDE = /^(worker|chat-worker|thread|deliver|signature|shared-\w+|inglenook_\w+)\.(js|js\.map|wasm)$/;

export const copy: Command = {
  usage: "DIR",
  summary: "put the workers and wasm files beside a bundle that lacks them (esbuild, Rollup)",
  help: `DIR is where the bundler writes its scripts. Vite, webpack and Next.js take these files along by themselves.`,
  options: {},
  async run([folder, ...rest]) {
    if (folder === undefined || rest.length > 0) throw new UsageError("copy: into which folder?");
    const names = (await readdir(PACKAGE)).filter((name) => BESIDE.test(name));
    await mkdir(folder, { recursive: true });
    for (const name of names) await copyFile(join(PACKAGE, name), join(folder, name));
    console.log(`${folder}: ${names.length} files`);
  },
};
