import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUDGETS } from "../../web/size.mjs";
import { ROOT } from "../../web/stage.mjs";
import { anchors, codeBlocks, firstColumn, readDocument } from "./markdown.js";

const README = readDocument("README.md");
const PAGES = readdirSync(join(ROOT, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name}`);
const REFERENCE = readdirSync(join(ROOT, "docs/api"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/api/${name}`);
const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "SECURITY.md",
  ...PAGES,
];
const { scripts } = JSON.parse(readDocument("package.json")) as { scripts: Record<string, string> };
const CRATE = readDocument("crate/Cargo.toml");

const isHere = (path: string) => existsSync(join(ROOT, path));
/** The words of a union type that has one on each line. */
function words(source: string, name: string): (string | undefined)[] {
  const [declared = ""] = (source.split(`export type ${name} =`)[1] ?? "").split("\n\n");
  return [...declared.matchAll(/^ +\| "([a-z-]+)"/gm)].map(([, word]) => word);
}

describe("the first screen", () => {
  it("is the title, the two commands, what it is, and an example of ten lines", () => {
    expect(README).toMatch(/^# Inglenook\n\n```sh\nnpm start .*\nnpm test .*\n```\n\nInglenook /);
    const [example = ""] = codeBlocks(README, "ts");
    expect(README.indexOf(example)).toBeLessThan(README.indexOf("\n## "));
    expect(example).toContain('from "inglenook"');
    expect(example.trimEnd().split("\n").length).toBeLessThanOrEqual(10);
  });
});

describe("examples", () => {
  const folder = join(ROOT, "target/readme");
  const documents = [README, ...[...PAGES, ...REFERENCE].map(readDocument)];
  const blocks = documents.flatMap((text) => [
    ...codeBlocks(text, "ts").filter((code) => code.includes('from "inglenook"')),
    ...scriptsOf(codeBlocks(text, "html")),
  ]);
  const components = documents.flatMap((text) => codeBlocks(text, "tsx"));

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    const config = {
      extends: "../../tsconfig.json",
      compilerOptions: {
        jsx: "react-jsx",
        // Beyond `strict`, which an application need not share.
        noUncheckedIndexedAccess: false,
        noPropertyAccessFromIndexSignature: false,
        noUnusedLocals: false,
      },
      include: ["*"],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    for (const [i, code] of blocks.entries()) writeFileSync(join(folder, `example-${i}.ts`), code);
    for (const [i, code] of components.entries()) writeFileSync(join(folder, `component-${i}.tsx`), code);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it("are there", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(20);
    expect(components).toHaveLength(1);
  });

  it("are correct for the compiler", () => {
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const { stdout, status } = spawnSync(process.execPath, [compiler, "-p", folder], { encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  }, 60_000);
});

/** The scripts of pages, importing the package by its name. */
function scriptsOf(pages: string[]): string[] {
  const scripts = pages.map((page) => /<script type="module">(.*)<\/script>/s.exec(page)?.[1] ?? "");
  return scripts
    .map((code) => code.replace(/"[^"]*\/inglenook\/(?:web\/dist\/)?(?:index|cdn)\.js"/, '"inglenook"'))
    .filter((code) => code.includes('from "inglenook"'));
}

/** Why a command cannot be run as it is written, if it cannot. */
function problemOf(command: string): string | undefined {
  const [program, ...args] = command.split(/\s+/);
  const [first = "", second = ""] = args;
  if (program === "npm") return npmProblem(first, second);
  if (program === "node") return isHere(first) ? undefined : `${first} is missing`;
  if (program === "npx" && first === "inglenook") {
    return isHere(`web/cli/${second}.ts`) ? undefined : `${second} is no command of the package`;
  }
  if (program === "npx") return isHere(`node_modules/.bin/${first}`) ? undefined : `${first} is no tool here`;
  if (program === "cargo") return cargoProblem(args);
  if (program === "openssl") return /^(gen)?pkey$/.test(first) ? undefined : `openssl ${first} is unknown`;
  return `${program} is unknown`;
}

function npmProblem(first: string, second: string): string | undefined {
  if (["pack", "install", "audit"].includes(first)) return undefined;
  const script = first === "run" ? second : first;
  return script in scripts ? undefined : `there is no script ${script}`;
}

function cargoProblem(args: string[]): string | undefined {
  const test = args[args.indexOf("--test") + 1];
  if (args.includes("--test") && !CRATE.includes(`name = "${test}"`)) return `there is no test ${test}`;
  if (args[1] === "fuzz") return fuzzProblem(args);
  return ["test", "audit"].includes(args[0] ?? "") ? undefined : `cargo ${args[0]} is unknown`;
}

function fuzzProblem(args: string[]): string | undefined {
  const at = args.indexOf("--fuzz-dir");
  const target = `${args[at + 1]}/targets/${args[at + 2]}.rs`;
  return at > 0 && isHere(target) ? undefined : `${target} is missing`;
}

describe.each(DOCUMENTS)("%s", (path) => {
  const text = readDocument(path);

  it("has commands that can be run", () => {
    const lines = codeBlocks(text, "sh").flatMap((block) => block.trimEnd().split("\n"));
    const commands = lines.map((line) => line.replace(/\s+#.*$/, ""));
    expect(commands.map((command) => problemOf(command) && command).filter(Boolean)).toEqual([]);
  });

  it("names files that exist", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)];
    const names = [...text.matchAll(/`((?:crate|web|tests|models|\.cargo)\/[\w./-]+)`/g)];
    const made = /^(web\/(dist|generated)|models\/weights)\//;
    const linked = links.map(([, name = ""]) => join(dirname(path), name));
    const missing = [...linked, ...names.map(([, name = ""]) => name)].filter((name) => !isHere(name));
    expect(missing.filter((name) => !made.test(name))).toEqual([]);
  });

  it("leads to headings that exist", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)];
    const missing = links.filter(([, file = "", anchor = ""]) => {
      const target = file === "" ? text : readDocument(join(dirname(path), file));
      return !anchors(target).includes(anchor);
    });
    expect(missing.map(([link]) => link)).toEqual([]);
  });

  it("has tables with as many cells in every row", () => {
    const tables = text.matchAll(/^\|.*\|\n(?:\|.*\|\n)+/gm);
    for (const [table] of tables) {
      const cells = table.trimEnd().split("\n");
      expect(new Set(cells.map((row) => row.split("|").length)).size, cells[0]).toBe(1);
    }
  });
});

describe("tables", () => {
  it("say what to do about every error code, and of no other", () => {
    const codes = words(readDocument("web/src/error-code.ts"), "ErrorCode");
    const [, table = ""] = readDocument("docs/errors.md").split("| what to do | codes |");
    const [rows = ""] = table.split("\n\n");
    const named = [...rows.matchAll(/`([a-z]+(?:-[a-z]+)*)`(?=, `|\s\|$)/gm)].map(([, code]) => code);
    expect([...new Set(named)].sort()).toEqual([...codes].sort());
  });

  it("list every reason to fall back", () => {
    const reasons = words(readDocument("web/src/worker/protocol.ts"), "FallbackReason");
    expect(reasons.length).toBeGreaterThan(5);
    expect(firstColumn(readDocument("docs/devices.md"), "reason")).toEqual(reasons);
  });

  it("list every model, and no other", () => {
    const ids = readdirSync(join(ROOT, "models/manifests")).map((name) => name.replace(/\.json$/, ""));
    const listed = ids.filter((id) => README.includes(`| \`${id}\` |`));
    expect(listed).toEqual(ids);
    expect(firstColumn(README, "model")).toHaveLength(ids.length);
  });

  it("have the budgets that the build holds to", () => {
    const performance = readDocument("docs/performance.md");
    for (const { budget } of BUDGETS) expect(performance).toContain(`| ${budget.toLocaleString("en-GB")} |`);
  });
});

it("the index has every page", () => {
  const index = readDocument("docs/README.md");
  const missing = PAGES.filter((path) => !index.includes(`(${path.replace("docs/", "")})`));
  expect(missing).toEqual(["docs/README.md"]);
});
