// The command line.
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CACHE, PACKAGE } from "../paths.mjs";
import { PARTS } from "./parts/index.mjs";

export const USAGE = `usage: node tests/bench/dawn/run.mjs [options]
  --only a,b         parts to run: ${Object.keys(PARTS).join(" | ")}
  --dtype TYPE       how the decoders' weights are stored: q4_0 (the default), q4_1 or q8_0
  --limit N          seconds that a part may take at most
  --dist DIR         the built package
  --folder DIR       where models are made and kept
  --dawn FLAG        a flag of Dawn's, such as enable-dawn-features=allow_unsafe_apis; repeatable
  --no-packed-dots   multiply many rows in f32, as where there are no packed dot products
  --tiny             very small models, to see whether it runs
  --json FILE        write the rows`;

const OPTIONS = {
  only: { type: "string" },
  dtype: { type: "string", default: "q4_0" },
  limit: { type: "string" },
  dist: { type: "string", default: PACKAGE },
  folder: { type: "string", default: join(CACHE, "dawn") },
  dawn: { type: "string", multiple: true, default: [] },
  "no-packed-dots": { type: "boolean", default: false },
  tiny: { type: "boolean", default: false },
  json: { type: "string" },
};

/** What was asked for; throws on anything it does not understand. */
export function parseCommand(args) {
  const { values } = parseArgs({ args, options: OPTIONS });
  const parts = values.only?.split(",") ?? Object.keys(PARTS);
  const stranger = parts.find((name) => !PARTS[name]);
  if (stranger !== undefined) throw new Error(`no part ${stranger}`);
  const limit = values.limit === undefined ? undefined : Number(values.limit);
  if (limit !== undefined && !(limit > 0)) throw new Error("--limit wants seconds");
  return {
    parts,
    limit,
    json: values.json,
    options: {
      dtype: values.dtype,
      dist: resolve(values.dist),
      folder: resolve(values.folder),
      dawn: values.dawn,
      packedDots: !values["no-packed-dots"],
      tiny: values.tiny,
    },
  };
}
