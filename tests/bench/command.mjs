// The benchmark's command line.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { parseCase, SUITES } from "./suites.mjs";

export const USAGE = `usage: npm run bench -- SUITE [options]
  SUITE              ${Object.keys(SUITES).join(" | ")}
  --cases 16x1,…     tokens × batch; of chat: prefillTOKENS, decodeTOKENS,
                     decodeTOKENSafterTOKENS, abort
  --rounds N         samples for each case and library
  --libs a,b         libraries to run
  --no-load          leave out load time and memory
  --gguf FILE        of chat: another file of the same model, of whatever type
  --profile          instead of measuring: where Inglenook's time goes, function by function
  --json FILE        write the rows
  --report FILE      write the printed report`;

const OPTIONS = {
  json: { type: "string" },
  report: { type: "string" },
  rounds: { type: "string" },
  cases: { type: "string" },
  libs: { type: "string" },
  "no-load": { type: "boolean" },
  gguf: { type: "string" },
  profile: { type: "boolean" },
};

/** What was asked for; throws on anything it does not understand. */
export function parseCommand(args) {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [suite, ...rest] = positionals;
  if (!SUITES[suite] || rest.length) throw new Error("which suite?");
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error("--rounds wants a whole number");
  const cases = values.cases?.split(",").map((name) => parseCase(suite, name).name);
  const libraries = values.libs?.split(",") ?? SUITES[suite].libraries;
  const stranger = libraries.find((lib) => !SUITES[suite].libraries.includes(lib));
  if (stranger) throw new Error(`no library ${stranger}`);
  return {
    suite,
    rounds,
    cases,
    libraries,
    load: !values["no-load"],
    gguf: values.gguf && resolve(values.gguf),
    profile: values.profile ?? false,
    json: values.json,
    report: values.report,
  };
}
