// The GPU build without a browser: in Node, on Dawn's WebGPU.
import { fork } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine } from "../machine.mjs";
import { parseCommand, USAGE } from "./command.mjs";
import { PARTS } from "./parts/index.mjs";
import { withShares } from "./shares.mjs";
import { render } from "./tables.mjs";

const started = Date.now();
const say = (text) => console.error(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}`);

/** Runs a part in a process of its own, which is killed after its time. Rows that it sent before count. */
function runPart(name, { options, limit }, rows) {
  const seconds = limit ?? PARTS[name].seconds;
  const child = fork(fileURLToPath(new URL("part.mjs", import.meta.url)));
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
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      resolve(trouble && { part: name, message: `${trouble} (${signal ?? code})` });
    });
    child.send({ name, options });
  });
}

async function main(command) {
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
      ...command.options,
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
