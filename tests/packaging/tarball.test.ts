import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { App } from "./harness/app.js";

let app: App;
beforeAll(async () => {
  app = await App.install("node");
});
afterAll(() => app?.remove());

const packed = (...parts: string[]) => app.path("node_modules/inglenook", ...parts);
const text = (...parts: string[]) => readFileSync(packed(...parts), "utf8");
const json = (...parts: string[]) => JSON.parse(text(...parts));
const dist = (pattern: RegExp) => readdirSync(packed("web/dist")).filter((name) => pattern.test(name));

/** Every text in a value, however deep. */
const textsIn = (value: unknown): string[] =>
  typeof value === "string" ? [value] : Object.values(value ?? {}).flatMap(textsIn);

describe("the tarball", () => {
  it("depends on nothing, and has every file that its package.json names", () => {
    const { exports, bin, sideEffects, types, dependencies } = json("package.json");
    const files = textsIn({ exports, bin, sideEffects, types });
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => !existsSync(packed(file)))).toEqual([]);
    expect(dependencies).toBeUndefined();
  });

  it("has the weights of no model, and every bundled manifest", () => {
    expect(existsSync(packed("models/weights"))).toBe(false);
    expect(readdirSync(packed("models/manifests"))).toEqual(readdirSync(join(ROOT, "models/manifests")));
  });

  // The second is behind an `import(…)` whose comments are put back after minifying.
  it.each([
    [/^index\.js$/, "The embedder was destroyed.", "embedder.ts"],
    [/^shared-.*\.js$/, "The WebAssembly build could not be started", "wasm.ts"],
  ])("leads from %s to the source", (pattern, words, source) => {
    const name = dist(pattern).find((name) => text("web/dist", name).includes(words)) ?? "";
    const code = text("web/dist", name);
    const [, address = ""] = /\/\/# sourceMappingURL=(\S+)/.exec(code) ?? [];
    const map = json("web/dist", address);
    const before = code.slice(0, code.indexOf(words)).split("\n");
    const entry = new SourceMap(map).findEntry(before.length - 1, before.at(-1)?.length ?? 0);
    if (!("originalLine" in entry)) throw new Error(`${address} does not say where "${words}" is from`);
    expect(entry.originalSource.endsWith(source)).toBe(true);
    const original: string = map.sourcesContent[map.sources.indexOf(entry.originalSource)];
    const place = original.split("\n")[entry.originalLine]?.slice(entry.originalColumn);
    expect(place).toMatch(new RegExp(`^["\`]${words}`));
    expect(original).toBe(
      readFileSync(join(ROOT, "web/src", entry.originalSource.split("src/")[1] ?? ""), "utf8"),
    );
  });

  it("says what it was built from", () => {
    const { commit, profile, toolchain, wasm } = json("web/dist/provenance.json");
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    expect(["release", "fast"]).toContain(profile);
    expect(toolchain.rustc).toMatch(/^rustc 1\./);
    const found = dist(/\.wasm$/).map((name) => {
      const bytes = readFileSync(packed("web/dist", name));
      return [name, { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") }];
    });
    expect(wasm).toEqual(Object.fromEntries(found));
  });

  it("names the licences of what it is made with", () => {
    const licences = text("web/dist/THIRD-PARTY-LICENCES.txt");
    expect(licences).toMatch(/^burn 0\.22\.1: MIT OR Apache-2\.0/m);
    expect(licences).toMatch(/^wgpu 30/m);
    expect(licences).toMatch(/^tar 7/m);
    expect(licences).toContain("Permission is hereby granted, free of charge");
  });

  it.each(["bundler", "nodenext"])(
    "has types that hold with the module resolution %s",
    async (resolution) => {
      const source = `import { Embedder, LanguageModel, type Embeddings } from "inglenook";
      const embedder = await Embedder.create({ device: "cpu" });
      export const vectors: Embeddings = await embedder.embed(["a cat"]);
      export const answer: string = await (await LanguageModel.create()).prompt("Hello");
      // @ts-expect-error
      await Embedder.create({ device: "tpu" });`;
      writeFileSync(app.path("app.ts"), source);
      const options = ["--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"];
      const module = resolution === "bundler" ? "esnext" : "nodenext";
      const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
      await app.run(
        "node",
        tsc,
        ...options,
        "--types",
        "",
        "--module",
        module,
        "--moduleResolution",
        resolution,
        "app.ts",
      );
    },
  );
});
