#!/usr/bin/env node
/** The command line of the package. */
import { parseArgs } from "node:util";
import { FetchError } from "../../models/fetch/manifest.mjs";
import { StageError } from "../stage.mjs";
import { type Command, CommandError, UsageError, type Values } from "./command.js";
import { copy } from "./copy.js";
import { offline } from "./offline.js";
import { pull } from "./pull.js";
import { serve } from "./serve.js";
import { sign } from "./sign.js";
import { verify } from "./verify.js";

const COMMANDS: Readonly<Record<string, Command>> = { pull, sign, verify, serve, copy, offline };

/** Does what the arguments say; returns the exit code: 0, 1 when it failed, 2 when they mean nothing. */
async function main([name = "", ...args]: readonly string[]): Promise<number> {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (["", "-h", "--help", "help"].includes(name)) return say(overview(), name === "" ? 2 : 0);
  if (!command) return say(`There is no command ${name}.\n\n${overview()}`, 2);
  try {
    const { positionals, values } = parseArgs({
      args,
      options: { ...command.options, help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    }) as { positionals: string[]; values: Values };
    const { help, ...given } = values;
    if (help) return say(usageOf(name, command), 0);
    await command.run(positionals, given);
    return 0;
  } catch (error) {
    if (isUsage(error)) return say(`${error.message}\n\n${usageOf(name, command)}`, 2);
    if (isExplained(error)) return say(error.message, 1);
    throw error;
  }
}

function isUsage(error: unknown): error is Error {
  return error instanceof UsageError || (error instanceof TypeError && "code" in error);
}

function isExplained(error: unknown): error is Error {
  return [CommandError, FetchError, StageError].some((type) => error instanceof type);
}

function overview(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(8)}${summary}`);
  return `usage: inglenook <command> [--help]\n\n${lines.join("\n")}`;
}

function usageOf(name: string, { usage, summary, help }: Command): string {
  return `usage: inglenook ${name} ${usage}\n\n${summary}.\n\n${help}`;
}

function say(text: string, status: number): number {
  (status === 0 ? process.stdout : process.stderr).write(`${text}\n`);
  return status;
}

process.exitCode = await main(process.argv.slice(2));
