import { fileURLToPath } from "node:url";
import type { ParseArgsConfig } from "node:util";

/** The values of a command's options, as `parseArgs` gives them. */
export type Values = Record<string, string | boolean | undefined>;

/** One of the commands of `inglenook`. */
export interface Command {
  /** What follows the command's name. */
  usage: string;
  /** What it does, in a few words. */
  summary: string;
  /** What there is to know besides. */
  help: string;
  options: NonNullable<ParseArgsConfig["options"]>;
  run(positionals: readonly string[], values: Values): Promise<void>;
}

/** A command line that means nothing: the answer is how it is to be written. */
export class UsageError extends Error {}

/** What went wrong in words for a person. */
export class CommandError extends Error {}

/** Where an app has its models unless it says otherwise. */
export const MODELS = "public/models";

/** The built package, in which the built command lies. */
export const PACKAGE = fileURLToPath(new URL(".", import.meta.url));
