import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { ROOT } from "../../../web/stage.mjs";
import { tarball } from "./pack.js";

const APPS = join(ROOT, "tests/packaging/apps");

/** An app of `tests/packaging/apps/` in a folder of its own, with the packed package and its other packages installed. */
export class App {
  readonly folder = mkdtempSync(join(tmpdir(), "inglenook-app-"));

  /** `name` is its folder; what all apps share is put into it, too. */
  static async install(name: string): Promise<App> {
    const app = new App();
    cpSync(join(APPS, name), app.folder, { recursive: true });
    cpSync(join(APPS, "shared"), app.path("shared"), { recursive: true });
    cpSync(tarball(), app.path("inglenook.tgz"));
    await app.run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error");
    return app;
  }

  /** Runs a program in the app's folder; rejects with all that it said unless it exits with 0. */
  async run(program: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
    try {
      return await promisify(execFile)(program, args, {
        cwd: this.folder,
        shell: process.platform === "win32",
        env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" },
        maxBuffer: 1 << 26,
      });
    } catch (error) {
      const { message, stdout, stderr } = error as Error & { stdout?: string; stderr?: string };
      throw new Error([message, stdout, stderr].join("\n"));
    }
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** The address of one of its files, for `import`. */
  url(...parts: string[]): string {
    return pathToFileURL(this.path(...parts)).href;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
