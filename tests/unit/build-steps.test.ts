import { mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fingerprint, unlessCurrent, writeIfChanged } from "../../web/fingerprint.mjs";
import { checkLicences } from "../../web/licences.mjs";
import { checkSizes } from "../../web/size.mjs";
import { StageError } from "../../web/stage.mjs";

let folder: string;
const at = (path: string) => join(folder, path);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "inglenook-build-"));
  mkdirSync(at("src/deep"), { recursive: true });
  writeFileSync(at("src/deep/a"), "a");
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("fingerprint", () => {
  it("changes with contents, names and parameters, and with nothing else", () => {
    const first = fingerprint([at("src")], "cpu");
    utimesSync(at("src/deep/a"), 1, 1);
    expect(fingerprint([at("src")], "cpu")).toBe(first);
    expect(fingerprint([at("src"), at("absent")], "cpu")).toBe(first);
    expect(fingerprint([at("src")], "gpu")).not.toBe(first);
    writeFileSync(at("src/deep/b"), "");
    expect(fingerprint([at("src")], "cpu")).not.toBe(first);
    rmSync(at("src/deep/b"));
    writeFileSync(at("src/deep/a"), "A");
    expect(fingerprint([at("src")], "cpu")).not.toBe(first);
  });
});

describe("unlessCurrent", () => {
  const step = (print: string) => ({ stamp: at("out/stamp"), fingerprint: print, outputs: [at("product")] });

  it("runs when something changed or the output is gone, and again after a failure", async () => {
    const work = vi.fn(async () => writeFileSync(at("product"), ""));
    expect(await unlessCurrent(step("1"), work)).toBe(true);
    expect(await unlessCurrent(step("1"), work)).toBe(false);
    expect(await unlessCurrent(step("2"), work)).toBe(true);
    rmSync(at("product"));
    expect(await unlessCurrent(step("2"), work)).toBe(true);
    await expect(unlessCurrent(step("3"), () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await unlessCurrent(step("3"), work)).toBe(true);
    expect(work).toHaveBeenCalledTimes(4);
  });
});

it("writeIfChanged leaves an equal file alone", () => {
  writeIfChanged(at("new/file"), "x");
  utimesSync(at("new/file"), 1, 1);
  writeIfChanged(at("new/file"), "x");
  expect(statSync(at("new/file")).mtimeMs).toBe(1000);
  writeIfChanged(at("new/file"), "y");
  expect(statSync(at("new/file")).mtimeMs).toBeGreaterThan(1000);
});

describe("checkLicences", () => {
  const check =
    (licence?: string | null, name = "a 1.0.0") =>
    () =>
      checkLicences([{ name, licence }]);

  it.each(["MIT", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "GPL-3.0-only OR Zlib"])(
    "lets %s pass",
    (licence) => expect(check(licence)).not.toThrow(),
  );

  it.each([undefined, null, "", "GPL-3.0-only", "MIT AND LGPL-2.1-only", "MPL-2.0", "SEE LICENSE IN x"])(
    "refuses %s",
    (licence) => expect(check(licence)).toThrow("a 1.0.0"),
  );

  it("lets MPL-2.0 pass where it was looked at", () => {
    expect(check("MPL-2.0", "colored 3.1.1")).not.toThrow();
  });
});

describe("checkSizes", () => {
  const budgets = (budget: number) => [{ name: "JavaScript", files: /\.js$/, budget }];
  const check = (budget: number) => checkSizes(folder, budgets(budget));

  beforeEach(() => {
    vi.spyOn(console, "log").mockImplementation(() => {});
    for (const name of ["a.js", "b.js"]) writeFileSync(at(name), `${name};`.repeat(1000));
  });

  it("holds files of a kind together to their budget after brotli", async () => {
    await expect(check(1000)).resolves.toBeUndefined();
    await expect(check(10)).rejects.toThrow(/over its budget of 10/);
    await expect(check(10)).rejects.toBeInstanceOf(StageError);
  });

  it("fails when there is nothing to measure", async () => {
    rmSync(at("a.js"));
    rmSync(at("b.js"));
    await expect(check(10)).rejects.toThrow(/no file/);
  });
});
