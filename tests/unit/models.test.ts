import { readdirSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { ModelManifest } from "../../web/src/manifest.js";
import { totalBytes } from "../../web/src/manifest.js";
import { resolveEmbedder, resolveHost, resolveModel } from "../../web/src/models.js";

const FOLDER = new URL("../../models/manifests/", import.meta.url);
const manifests = readdirSync(FOLDER)
  .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")))
  .filter(({ task }) => task === "embedding") as ModelManifest[];
const sha256 = "0".repeat(64);
const own: ModelManifest = { id: "own", files: [{ path: "a/b.gguf", bytes: 7, sha256 }] };

beforeEach(() => void vi.stubGlobal("location", new URL("https://app.example/page/")));

describe("resolveModel", () => {
  it.each(manifests)("knows $id, with hashes", async ({ id, files, maxTokens }) => {
    expect(await resolveEmbedder(id)).toEqual({ id, files, maxTokens });
  });

  it("takes the 8-bit model when none is named", () => {
    expect(resolveModel().id).toBe("all-minilm-l6-v2-q8_0");
  });

  it("names the models there are when asked for another", () => {
    expect(() => resolveModel("nope")).toThrow(/all-minilm-l6-v2-q8_0/);
  });

  it("takes the application's own manifest, without what is not needed", () => {
    expect(resolveModel({ ...own, licence: "MIT" } as ModelManifest)).toEqual(own);
  });

  it("takes the hash of the pieces along", () => {
    const [file] = own.files;
    const files = [{ ...file, piecesSha256: "1".repeat(64) }] as ModelManifest["files"];
    expect(resolveModel({ ...own, files }).files).toEqual(files);
  });

  it.each([
    ["nothing", null],
    ["no files", { ...own, files: [] }],
    ["a path that leads out", { ...own, files: [{ path: "../secret", bytes: 1, sha256 }] }],
    ["a path that leads out in the middle", { ...own, files: [{ path: "a/../../b", bytes: 1, sha256 }] }],
    ["an absolute path", { ...own, files: [{ path: "/etc", bytes: 1, sha256 }] }],
    ["backslashes", { ...own, files: [{ path: "a\\b", bytes: 1, sha256 }] }],
    ["an id that leads out", { ...own, id: ".." }],
    ["a negative length", { ...own, files: [{ path: "a", bytes: -1, sha256 }] }],
    ["no tokens", { ...own, maxTokens: 0 }],
    ["a short hash", { ...own, files: [{ path: "a", bytes: 1, sha256: "ab" }] }],
    ["a short hash of pieces", { ...own, files: [{ path: "a", bytes: 1, sha256, piecesSha256: "ab" }] }],
    ["a file that is null", { ...own, files: [null] }],
  ])("refuses %s", (_, manifest) => {
    expect(() => resolveModel(manifest as ModelManifest)).toThrow(
      expect.objectContaining({ code: "invalid-input" }),
    );
  });
});

describe("resolveHost", () => {
  it.each([
    [undefined, "https://app.example/page/models/"],
    ["/weights", "https://app.example/weights/"],
    ["https://cdn.example/m/?v=1", "https://cdn.example/m/?v=1"],
    [new URL("https://cdn.example/m"), "https://cdn.example/m/"],
  ])("of %s", (given, expected) => {
    expect(resolveHost(given)).toBe(expected);
  });

  it("refuses what is no address", () => {
    expect(() => resolveHost("https://")).toThrow(expect.objectContaining({ code: "invalid-input" }));
  });
});

it("totalBytes adds up the files", () => {
  expect(totalBytes(own)).toBe(7);
});
