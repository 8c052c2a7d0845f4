#!/usr/bin/env node
/**
 * Fetches models by their manifests into models/weights/<id>/, verified.
 *
 *     node models/fetch.mjs [id … | --all] [--into DIR] [--manifests DIR]
 */
import { parseArgs } from "node:util";
import { FetchError, MANIFESTS, WEIGHTS } from "./fetch/manifest.mjs";
import { fetchModels, LARGE } from "./fetch/models.mjs";
import { megabytes, streamReporter } from "./fetch/progress.mjs";

/**
 * The command line.
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit status
 */
async function main(args) {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        all: { type: "boolean", default: false },
        into: { type: "string", default: WEIGHTS },
        manifests: { type: "string", default: MANIFESTS },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) return usage(process.stdout, 0);
    const report = streamReporter(process.stderr);
    const { all, into, manifests } = values;
    await fetchModels(positionals, { report, weights: into, manifests, large: all });
    return 0;
  } catch (error) {
    if (error instanceof FetchError) process.stderr.write(`${error.message}\n`);
    else if (error instanceof TypeError && "code" in error) return usage(process.stderr, 2, error.message);
    else throw error;
    return 1;
  }
}

/**
 * @param {NodeJS.WriteStream} stream
 * @param {number} status
 * @param {string} [problem]
 */
function usage(stream, status, problem) {
  if (problem) stream.write(`${problem}\n`);
  stream.write(
    `usage: node models/fetch.mjs [id … | --all] [--into DIR] [--manifests DIR]
Without ids, every model that has a manifest and is not larger than ${megabytes(LARGE)}; with --all, every one.
`,
  );
  return status;
}

process.exitCode = await main(process.argv.slice(2));
