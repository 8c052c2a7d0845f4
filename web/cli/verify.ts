import { join } from "node:path";
import { describeFiles } from "../../models/fetch/models.mjs";
import { mismatch } from "../../models/fetch/verify.mjs";
import { type Command, CommandError, MODELS } from "./command.js";
import { manifestsIn } from "./manifests.js";

export const verify: Command = {
  usage: "[DIR]",
  summary: "check the size and SHA-256 of every file of the models in a folder",
  help: `DIR is ${MODELS} unless given. Fails when a file is missing or is not the one that its manifest describes, and
when there is no model at all.`,
  options: {},
  async run([folder = MODELS]) {
    const manifests = await manifestsIn(folder);
    if (manifests.length === 0) throw new CommandError(`${folder} has no models`);
    const complaints: string[] = [];
    for (const { id, files } of manifests) {
      const before = complaints.length;
      for (const file of files) {
        const path = join(folder, id, file.path);
        const difference = await mismatch(path, file);
        if (difference) complaints.push(`${path} ${difference}`);
      }
      if (complaints.length === before) console.log(`${id}: ${describeFiles(files)} verified`);
    }
    if (complaints.length > 0) throw new CommandError(complaints.join("\n"));
  },
};
