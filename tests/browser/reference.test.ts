import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { codeBlocks, readDocument, sections } from "../unit/markdown.js";
import { hasChromium } from "./harness/chromium.js";
import { runModule } from "./harness/documented.js";
import type { Reply } from "./harness/replies.js";
import { useChromium } from "./harness/use-chromium.js";

/** The pages of classes and objects by their names, and what the reference's first page has of everything else. */
const PAGES = ["classes", "variables"].flatMap((folder) =>
  readdirSync(join(ROOT, "docs/api", folder)).map(
    (name) => [name.replace(/\.md$/, ""), readDocument(`docs/api/${folder}/${name}`)] as const,
  ),
);
const PARTS = [...PAGES, ...sections(readDocument("docs/api/README.md"), 3)];
const EXAMPLES = PARTS.flatMap(([name, text]) =>
  codeBlocks(text, "ts").map((code) => [name.replace("()", ""), code] as const),
);

/** What the examples write, line by line. */
const WRITTEN: Record<string, RegExp> = {
  CreateMonitor: /^(25\d{6} of 25\d{6} bytes|prepared 100 %)$/m,
  Embedder: /^true$/,
  InglenookError: /^unknown-model no-such-model$/,
  install: /^(this package's|the browser's own)\ntrue$/,
  LanguageModel: /\w.*\n\d+ cpu$/s,
  LanguageModelSampling: /^true\n(stop|max-tokens)$/,
  models: /^all-minilm-l6-v2-q8_0 25\d{6} true\n25\d{6} of \d+ bytes, (kept|as long)[^\n]*\ntrue$/,
  offline: /^true$/,
  similarity: /^Kettle boils dry,Train leaves at nine$/,
  VectorIndex: /^1 2$/,
};

/** What `inglenook offline` writes for the tests' own page. */
const serviceWorker: Reply = (response) => {
  const folder = mkdtempSync(join(tmpdir(), "inglenook-page-"));
  cpSync(join(ROOT, "tests/browser/page"), folder, { recursive: true });
  execFileSync(process.execPath, [join(ROOT, "web/dist/cli.js"), "offline", folder]);
  const script = readFileSync(join(folder, "sw.js"));
  rmSync(folder, { recursive: true });
  response.writeHead(200, { "Content-Type": "text/javascript" }).end(script);
};

describe.skipIf(!hasChromium)("the reference's examples", () => {
  const site = useChromium({ fresh: true, serviceWorkers: "allow" });

  it("are there for every class and object", () => {
    expect(EXAMPLES.map(([name]) => name).sort()).toEqual(Object.keys(WRITTEN).sort());
    for (const [name] of PAGES) expect(WRITTEN).toHaveProperty(name);
  });

  it.each(EXAMPLES)("%s", async (name, code) => {
    if (name === "offline") site.server.answer("/sw.js", serviceWorker);
    const lines = await runModule(site, code);
    expect(lines.map((line) => line.join(" ")).join("\n")).toMatch(WRITTEN[name] ?? /^$/);
    expect(site.opened.errors).toEqual([]);
  });
});
