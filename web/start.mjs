/**
 * Sets up, builds what has changed, and serves the site on this machine alone.
 *
 *     npm start [-- --fast] [-- --port N]
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { serve } from "./serve.mjs";
import { setup } from "./setup.mjs";
import { command, ROOT } from "./stage.mjs";

await command(async () => {
  const { values } = parseArgs({ options: { fast: { type: "boolean" }, port: { type: "string" } } });
  await setup({ models: ["all-minilm-l6-v2-q8_0", "smollm2-135m-instruct"] });
  const { buildAll } = await import("./build.mjs");
  await buildAll({ fast: values.fast });
  const { url } = await serve({
    root: join(ROOT, "dist"),
    mounts: { "/models/": join(ROOT, "models/weights") },
    port: Number(values.port ?? 8080),
  });
  console.log(`\n   Inglenook is at ${url}   (Ctrl+C ends it)\n`);
});
