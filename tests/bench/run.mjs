// `npm run bench -- SUITE`: Inglenook beside its peers, in one Chromium. README.md has the definitions.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseCommand, USAGE } from "./command.mjs";
import { loadNow } from "./machine.mjs";
import { PACKAGE } from "./paths.mjs";
import { Report } from "./report.mjs";
import { fetchWeights, installPeers, preparePeerModel } from "./setup.mjs";
import { render } from "./tables.mjs";

/** Why each library that cannot run cannot, by name. */
function findObstacles(libraries) {
  const peers = preparePeerModel();
  const ours = existsSync(join(PACKAGE, "index.js")) ? null : "the package is not built: npm run build";
  const obstacles = libraries.map((lib) => [lib, lib === "inglenook" ? ours : peers]);
  return new Map(obstacles.filter(([, reason]) => reason));
}

async function measure(run, server, report) {
  const { loadTokenizer, textsOf } = await import("./texts.mjs");
  const { measureEmbed } = await import("./measure-embed.mjs");
  const { measureLoad } = await import("./measure-load.mjs");
  const tokenizer = loadTokenizer();
  const texts = ({ tokens, batch }) => textsOf(tokenizer, tokens, batch);
  await measureEmbed({ run, url: server.url, texts, report });
  if (run.load) await measureLoad({ run, server, texts, report });
  run.machine.loadAfter = loadNow();
}

function save(file, text) {
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Runs the suite, prints it, and returns whether every library ran and agreed. */
async function main(command) {
  installPeers();
  fetchWeights();
  const obstacles = findObstacles(command.libraries);
  const report = new Report();
  for (const [lib, reason] of obstacles) report.failed("load", lib, reason);
  const { planRun } = await import("./plan.mjs");
  const { startServer } = await import("./server.mjs");
  const server = await startServer();
  try {
    const run = await planRun(command, server.url);
    run.runnable = run.libraries.filter((lib) => !obstacles.has(lib));
    await measure(run, server, report);
    const printed = render(run, report);
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
  process.exitCode = (await main(command)) ? 0 : 1;
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
