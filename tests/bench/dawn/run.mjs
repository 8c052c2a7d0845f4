// The GPU build without a browser: in Node, on Dawn's WebGPU.
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine } from "../machine.mjs";
import { installPackages, installPeers } from "../setup.mjs";
import { parseCommand, USAGE } from "./command.mjs";
import { PARTS } from "./parts/index.mjs";
import { withShares } from "./shares.mjs";
import { render } from "./tables.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const started = Date.now();
const say = (text) => console.error(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}`);

/** Runs a part in a process of its own, which is killed after its time. Rows that it sent before count. */
function runPart(name, { options, limit }, rows) {
  const seconds = limit ?? PARTS[name].seconds;
  const child = fork(join(HERE, "part.mjs"));
  return new Promise((resolve) => {
    let trouble = "it ended early";
    const timer = setTimeout(() => {
      trouble = `it took more than ${seconds} s`;
      child.kill("SIGKILL");
    }, seconds * 1000);
    child.on("message", (message) => {
      if (message.progress) say(`${name}: ${message.progress}`);
      if (message.row) rows.push(message.row);
      if (message.failed) trouble = message.failed;
      if (message.done) trouble = undefined;
      // Nothing is left to do, but V8 may be busy with compiling for a while.
      if (message.failed || message.done) child.kill("SIGKILL");
    });
    child.on("exit", () => {
      clearTimeout(timer);
      resolve(trouble && { part: name, message: trouble });
    });
    child.send({ name, options });
  });
}

async function main(command) {
  installPeers();
  installPackages(HERE, "Dawn (about 190 MB, once)");
  const { date, cpu, cores } = describeMachine();
  const [rows, troubles] = [[], []];
  for (const name of command.parts) {
    const trouble = await runPart(name, command, rows);
    if (trouble) troubles.push(trouble);
    say(trouble ? `${name}: FAILED: ${trouble.message}` : `${name}: done`);
    const result = {
      date,
      cpu,
      cores,
      node: process.version,
      dtype: command.options.dtype,
      packedDots: command.options.packedDots,
      tiny: command.options.tiny,
      rows: withShares(rows),
      troubles,
    };
    save(command.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  console.log(render(withShares(rows), troubles));
  return troubles.length === 0;
}

function save(file, text) {
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

let command;
try {
  command = parseCommand(process.argv.slice(2));
} catch (error) {
  console.error(`${error.message}\n${USAGE}`);
  process.exit(2);
}
process.exitCode = (await main(command)) ? 0 : 1;
