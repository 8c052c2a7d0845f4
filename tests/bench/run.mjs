// `npm run bench -- SUITE`: Inglenook beside its peers, in one Chromium. README.md has the definitions.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseCommand, USAGE } from "./command.mjs";
import { loadNow } from "./machine.mjs";
import { PACKAGE, WEIGHTS } from "./paths.mjs";
import { Report } from "./report.mjs";
import { fetchWeights, installPeers } from "./setup.mjs";
import { SUITES } from "./suites.mjs";
import { render } from "./tables.mjs";

/** Why each library that cannot run cannot, by name. */
function findObstacles(libraries, peers) {
  const ours = existsSync(join(PACKAGE, "index.js")) ? null : "the package is not built: npm run build";
  const obstacles = libraries.map((lib) => [lib, lib.startsWith("inglenook") ? ours : peers]);
  return new Map(obstacles.filter(([, reason]) => reason));
}

function save(file, text) {
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Prints where the time goes, case by case. */
async function profile({ suite, cases }) {
  const { kind, model } = SUITES[suite];
  fetchWeights(model);
  const { PAGE, prepareWork } = await import(`./${kind}/suite.mjs`);
  const { profileCases } = await import("./profile.mjs");
  console.log(await profileCases(suite, PAGE, cases ?? SUITES[suite].cases, prepareWork));
}

/** Runs the suite, prints it, and returns whether every library ran and agreed. */
async function main(command) {
  const { kind, model, dtype, isolated } = SUITES[command.suite];
  installPeers();
  fetchWeights(model);
  // What these import is installed by now.
  const { measure, PAGE, preparePeers, sections } = await import(`./${kind}/suite.mjs`);
  const { planRun } = await import("./plan.mjs");
  const { startServer } = await import("./server.mjs");
  const obstacles = findObstacles(command.libraries, preparePeers(model, dtype));
  const report = new Report();
  for (const [lib, reason] of obstacles) report.failed("load", lib, reason);
  const other = join(WEIGHTS, "other.gguf");
  const server = await startServer(PAGE, {
    instead: new Map(command.gguf ? [[other, command.gguf]] : []),
    isolated,
  });
  try {
    const run = await planRun(command, server.url);
    run.runnable = run.libraries.filter((lib) => !obstacles.has(lib));
    await measure(run, server, report);
    run.machine.loadAfter = loadNow();
    const printed = render(run, sections(run, report), report);
    console.log(printed);
    save(command.json, `${JSON.stringify(report.rows(run), null, 2)}\n`);
    save(command.report, printed);
    return report.troubles.length === 0;
  } finally {
    server.close();
  }
}

let command;
try {
  command = parseCommand(process.argv.slice(2));
} catch (error) {
  console.error(`${error.message}\n${USAGE}`);
  process.exit(2);
}
try {
  if (command.profile) await profile(command);
  else process.exitCode = (await main(command)) ? 0 : 1;
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
