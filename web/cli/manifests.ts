import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Manifest, readManifests } from "../../models/fetch/manifest.mjs";
import { resolveModel } from "../src/models.js";
import { CommandError } from "./command.js";

/** The bundled manifests, from where the built command lies. */
const BUNDLED = fileURLToPath(new URL("../../models/manifests", import.meta.url));

/** The name of a manifest beside its files. */
export const MANIFEST = "manifest.json";

/** The name of a signature beside its files. */
export const SIGNATURE = "model.sig";

/** The manifest of a bundled model, or the application's own from a file that ends in `.json`. */
export async function manifestOf(model: string): Promise<Manifest> {
  if (model.endsWith(".json")) return readManifest(model);
  const [manifest] = await readManifests([model], BUNDLED);
  return manifest as Manifest;
}

/**
 * The manifests of the models in `folder`. What is known of a bundled one comes from here and not from the folder, so that
 * it cannot be changed together with its files.
 */
export async function manifestsIn(folder: string): Promise<Manifest[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const bundled = await readManifests([], BUNDLED);
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  return Promise.all(
    names.map(
      async ({ name }) =>
        bundled.find(({ id }) => id === name) ?? (await readManifest(join(folder, name, MANIFEST), name)),
    ),
  );
}

async function readManifest(path: string, expectedId?: string): Promise<Manifest> {
  try {
    const manifest: Manifest = JSON.parse(await readFile(path, "utf8"));
    const { id } = resolveModel(manifest);
    if (expectedId !== undefined && id !== expectedId) {
      throw new Error(`it describes ${id}, and lies in the folder of ${expectedId}`);
    }
    return { ...manifest, sources: manifest.sources ?? [] };
  } catch (error) {
    throw new CommandError(`${path} is no manifest: ${(error as Error).message}`);
  }
}
