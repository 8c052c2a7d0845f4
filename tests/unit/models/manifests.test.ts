import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { readManifests } from "../../../models/fetch/manifest.mjs";

const schema = JSON.parse(
  await readFile(new URL("../../../models/manifest.schema.json", import.meta.url), "utf8"),
);
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);
const manifests = await readManifests();

describe("the manifests", () => {
  it("are those of the models that the project knows", () => {
    expect(manifests.map(({ id }) => id)).toEqual([
      "all-minilm-l6-v2",
      "all-minilm-l6-v2-q8_0",
      "gemma-3-270m",
      "qwen2.5-coder-0.5b-instruct",
      "smollm2-135m-instruct",
    ]);
  });

  it.each(manifests)("$id is valid", (manifest) => {
    validate(manifest);
    expect(validate.errors).toBeNull();
  });

  it.each(manifests)("$id names each of its files once", ({ files }) => {
    expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
  });

  it.each(manifests)("$id has parts only where they make its file", ({ files, sources }) => {
    for (const source of sources.filter((one) => "parts" in one)) {
      const sizes = source.parts.map(({ bytes }) => bytes);
      expect(files).toHaveLength(1);
      expect(sizes.reduce((sum, bytes) => sum + bytes)).toBe(files[0]?.bytes);
    }
  });

  it("are told from unknown ids", async () => {
    await expect(readManifests(["all-minilm-l6-v2", "nope"])).rejects.toThrow(
      /no manifest for nope; there are all-/,
    );
  });
});

describe("the schema", () => {
  const [valid] = manifests;
  const [file] = valid?.files ?? [];
  const chat = manifests.find(({ id }) => id === "smollm2-135m-instruct");
  const parts = [1, 2].map((n) => ({
    registry: "npm",
    package: `@scope/part${n}`,
    version: "1.0.0",
    path: "model.part",
    bytes: 7,
  }));

  it.each([
    ["a member that it does not know", { ...valid, sizes: [] }],
    ["a missing licence", { ...valid, licence: undefined }],
    ["a path that leaves the folder", { ...valid, files: [{ ...file, path: "../config.json" }] }],
    ["a path with a .. inside", { ...valid, files: [{ ...file, path: "a/../../b" }] }],
    ["an absolute path", { ...valid, files: [{ ...file, path: "/etc/hosts" }] }],
    ["a short hash", { ...valid, files: [{ ...file, sha256: "abc" }] }],
    ["an embedding model without dimensions", { ...valid, dimensions: undefined }],
    ["an embedding model with a context window", { ...valid, contextWindow: 512 }],
    ["a chat model without a context window", { ...chat, contextWindow: undefined }],
    ["a chat model with dimensions", { ...chat, dimensions: 384 }],
    ["a task that it does not know", { ...chat, task: "poetry" }],
    ["no files", { ...valid, files: [] }],
    [
      "an unknown registry",
      { ...valid, sources: [{ registry: "crates", package: "a", version: "1", archivePath: "a" }] },
    ],
    [
      "a version that pip would read as an option",
      { ...valid, sources: [{ registry: "pypi", package: "a", version: "-r" }] },
    ],
    ["parts without sizes", { ...valid, sources: [{ parts: parts.map(({ bytes: _, ...part }) => part) }] }],
    [
      "a part from a web server",
      { ...valid, sources: [{ parts: [...parts, { url: "https://example.org" }] }] },
    ],
    [
      "a part that leaves its package",
      { ...valid, sources: [{ parts: [...parts, { ...parts[0], path: "../a" }] }] },
    ],
    ["a base URL that ends in a slash", { ...valid, sources: [{ url: "https://example.org/a/" }] }],
  ])("refuses %s", (_, manifest) => {
    expect(validate(JSON.parse(JSON.stringify(manifest)))).toBe(false);
  });

  it("takes every kind of source", () => {
    const sources = [
      { registry: "pypi", package: "a-model", version: "1.0", archivePath: "a_model", pythonVersion: "3.12" },
      { registry: "npm", package: "@scope/model", version: "1.0.0-rc.1" },
      { parts },
      { url: "https://example.org/models/a" },
    ];
    expect(validate({ ...valid, sources })).toBe(true);
  });
});
