// A part of the benchmark, in a process of its own: what it measures goes to the parent as it comes, which ends the process.
import { PARTS } from "./parts/index.mjs";

async function main({ name, options }) {
  const { module, model } = PARTS[name];
  const { run } = await import(new URL(module, new URL("parts/", import.meta.url)));
  await run({
    options,
    model,
    progress: (text) => process.send({ progress: text }),
    row: (label, values) => process.send({ row: { part: name, case: label, values } }),
  });
}

process.once("message", async (order) => {
  // Dawn compiles without keeping the event loop alive, and looks for what is compiled only while the loop turns.
  setInterval(() => {}, 1);
  try {
    await main(order);
    process.send({ done: true });
  } catch (error) {
    console.error(error);
    process.send({ failed: error.message });
  }
});
