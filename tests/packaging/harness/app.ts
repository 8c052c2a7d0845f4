import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "../../../web/stage.mjs";
import { tarball } from "./pack.js";

const APPS = join(ROOT, "tests/packaging/apps");

const { PATH = "" } = process.env;

/** What an app's programs see: neither the tools of this repository nor the mode its test runner works in. */
const ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: PATH.split(delimiter)
    .filter((folder) => !folder.endsWith(join("node_modules", ".bin")))
    .join(delimiter),
  NODE_ENV: undefined,
  NEXT_TELEMETRY_DISABLED: "1",
};

/** How a program ended, and what it said. */
export interface Outcome {
  code: string | number;
  stdout: string;
  stderr: string;
}

/** An app of `tests/packaging/apps/` in a folder of its own, with the packed package and its other packages installed. */
export class App {
  readonly folder = mkdtempSync(join(tmpdir(), "inglenook-app-"));

  /** `names` are its folders, of which a later one goes over an earlier one; what all apps share is put into it, too. */
  static async install(...names: string[]): Promise<App> {
    const app = new App();
    for (const name of names) cpSync(join(APPS, name), app.folder, { recursive: true });
    cpSync(join(APPS, "shared"), app.path("shared"), { recursive: true });
    cpSync(tarball(), app.path("inglenook.tgz"));
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    // The app's tools are packages of development, which npm's configuration may leave out.
    await app.run("npm", "install", "--include=dev", "--prefer-offline", ...quiet);
    return app;
  }

  /** Runs a program in the app's folder; rejects with all that it said unless it exits with 0. */
  async run(program: string, ...args: string[]): Promise<Outcome> {
    const outcome = await this.outcome(program, ...args);
    if (outcome.code === 0) return outcome;
    const { code, stdout, stderr } = outcome;
    throw new Error(`${[program, ...args].join(" ")} exited with ${code}\n${stdout}\n${stderr}`);
  }

  /** Runs a program in the app's folder to its end. */
  outcome(program: string, ...args: string[]): Promise<Outcome> {
    const options = {
      cwd: this.folder,
      shell: process.platform === "win32",
      env: ENVIRONMENT,
      maxBuffer: 1 << 26,
    };
    return new Promise((resolve) => {
      execFile(program, args, options, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? error.message) : 0, stdout, stderr }),
      );
    });
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
