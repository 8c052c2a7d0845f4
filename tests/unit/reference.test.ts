import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";

const TARGET = join(ROOT, "target");
mkdirSync(TARGET, { recursive: true });
const made = mkdtempSync(join(TARGET, "reference-"));
afterAll(() => rmSync(made, { recursive: true }));

/** Every file below a folder, by its path in it. */
function filesIn(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = paths.filter((path) => statSync(join(folder, path)).isFile());
  return Object.fromEntries(files.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

describe("the API reference", () => {
  it("is what the comments say: `npm run reference` makes it anew", () => {
    const generator = join(ROOT, "web/reference/generate.mjs");
    const { status, stderr } = spawnSync(process.execPath, [generator, "--out", made], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(filesIn(join(ROOT, "docs/api"))).toEqual(filesIn(made));
  }, 120_000);
});
