/**
 * Builds the npm package into `web/dist` and the site into `dist`.
 *
 *     node web/build.mjs [--fast]
 *
 * `--fast`, or INGLENOOK_PROFILE=fast, is for development: it compiles in a fraction of the time, and neither
 * optimises the wasm files nor holds them to the size budget. What has not changed is not built again.
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { BUILDS, buildWasm } from "./build-wasm.mjs";
import { setup } from "./setup.mjs";
import { command, ROOT, run, say, stage } from "./stage.mjs";

/** @param {{ fast?: boolean }} [options] */
export async function buildAll({ fast = process.env.INGLENOOK_PROFILE === "fast" } = {}) {
  // These need the npm packages, which `setup` may only just have installed.
  const { buildPackage } = await import("./build-package.mjs");
  const { checkSizes } = await import("./size.mjs");
  const profile = fast ? "fast" : "release";
  await stage("WebAssembly", async () => {
    for (const kind of Object.keys(BUILDS)) await buildWasm(kind, profile);
  });
  await stage("Package", () => buildPackage(profile));
  await stage("Sizes", () => (fast ? say("not checked: this is a fast build") : checkSizes()));
  await stage("Site", buildSite);
}

/** The site uses the built package as any application would. Weights are not copied: they are served beside it. */
async function buildSite() {
  const { build } = await import("vite");
  await build({ root: join(ROOT, "web/demo"), logLevel: "warn" });
  await run(process.execPath, [join(ROOT, "web/dist/cli.js"), "offline", "dist"]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await command(async () => {
    const { values } = parseArgs({ options: { fast: { type: "boolean" } } });
    await setup();
    await buildAll(values);
  });
}
