/** Visible progress for the project's own commands: headings with elapsed time, and children that inherit the terminal. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../", import.meta.url));

const start = performance.now();

/** Something that went wrong and has been explained: printed without a stack. */
export class StageError extends Error {}

/**
 * Runs one stage under a heading, and says how long it took.
 * @template T
 * @param {string} title
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function stage(title, work) {
  console.log(
    `\n── ${title} ${"─".repeat(Math.max(0, 60 - title.length))} ${clock(performance.now() - start)}`,
  );
  const before = performance.now();
  const result = await work();
  console.log(`   ${title}: ${clock(performance.now() - before)}`);
  return result;
}

/** One line of progress inside a stage. */
export function say(line) {
  console.log(`   ${line}`);
}

/**
 * Runs a program in the repository's root; its output is shown as it comes.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, onLine?: (line: string) => void }} [options]
 *   `onLine` is given every line of standard output too
 * @returns {Promise<void>} rejects with a {@link StageError} unless it exits with 0
 */
export function run(command, args, { cwd = ROOT, env = {}, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["inherit", onLine ? "pipe" : "inherit", "inherit"],
      shell: process.platform === "win32",
    });
    let rest = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      process.stdout.write(text);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine?.(line);
    });
    child.on("error", (error) => reject(new StageError(`${command} could not be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(new StageError(`${[command, ...args].join(" ")} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}

/**
 * Runs a command's `main`, and turns a failure into an exit code of 1.
 * @param {() => Promise<unknown>} main
 */
export async function command(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof StageError ? `\n✗ ${error.message}` : error);
    process.exitCode = 1;
  }
}

/** Milliseconds as a person reads them. */
export function clock(ms) {
  const seconds = Math.round(ms / 100) / 10;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}
