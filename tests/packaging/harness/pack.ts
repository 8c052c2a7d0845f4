import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../web/stage.mjs";

const FOLDER = join(ROOT, "target/packaging");

/** Packs the built package once, as it would be published. */
export function setup(): void {
  if (!existsSync(join(ROOT, "web/dist/inglenook_cpu.wasm"))) {
    throw new Error("The package is not built: npm run build");
  }
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  execFileSync("npm", ["pack", "--silent", "--pack-destination", FOLDER], {
    cwd: ROOT,
    shell: process.platform === "win32",
  });
}

/** The packed package. */
export function tarball(): string {
  const name = readdirSync(FOLDER).find((name) => name.endsWith(".tgz"));
  if (!name) throw new Error("npm pack left no tarball");
  return join(FOLDER, name);
}
