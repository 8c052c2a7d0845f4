import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../../models/fetch/manifest.mjs";
import { describeFiles, fetchModel } from "../../models/fetch/models.mjs";
import { streamReporter } from "../../models/fetch/progress.mjs";
import { type Command, MODELS, UsageError } from "./command.js";
import { MANIFEST, manifestOf } from "./manifests.js";

export const pull: Command = {
  usage: "<model | manifest.json>… [--to DIR]",
  summary: "fetch the weights of models, verified, with their manifests",
  help: `A model is a bundled one by its name, or the application's own by its manifest. Its files go to DIR/<model>/, which
is ${MODELS} unless given. What is there already is verified and left alone; a broken download goes on where it broke.`,
  options: { to: { type: "string", default: MODELS } },
  async run(models, { to }) {
    if (models.length === 0) throw new UsageError("pull: which model?");
    for (const model of models) await pullModel(await manifestOf(model), String(to));
  },
};

async function pullModel(manifest: Manifest, folder: string): Promise<void> {
  const report = streamReporter(process.stderr);
  const { fetched } = await fetchModel(manifest, { weights: folder, report });
  const target = join(folder, manifest.id);
  await writeFile(join(target, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  const done = fetched.length > 0 ? "fetched and verified" : "already there and verified";
  const licence = manifest.licence ? ` (${manifest.licence})` : "";
  report.line(`${target}: ${describeFiles(manifest.files)} ${done}${licence}`);
}
