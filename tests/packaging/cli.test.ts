import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verifyBundle } from "../../web/src/signature/bundle.js";
import { manifestOf, tinyGguf } from "../browser/harness/models.js";
import { type ModelServer, serveModels } from "../unit/models/model-server.js";
import { ed25519, onCurve } from "../unit/signature/make.js";
import { App, type Outcome } from "./harness/app.js";

const FILES = tinyGguf();
const [PATH, BYTES] = Object.entries(FILES)[0] as [string, Uint8Array];
const WRONG = Buffer.from(BYTES).fill(1, 100, 200);
const WEIGHTS = `public/models/own/${PATH}`;

let app: App;
let server: ModelServer;
let body: Buffer;

/** As `npx inglenook` does once it has found the command. */
const inglenook = (...args: string[]): Promise<Outcome> =>
  app.outcome(app.path("node_modules/.bin/inglenook"), ...args);

beforeAll(async () => {
  app = await App.install("node");
});
afterAll(() => app?.remove());

beforeEach(async () => {
  body = Buffer.from(BYTES);
  server = await serveModels((path) => (path === `/files/${PATH}` ? { body } : undefined));
  const manifest = { ...manifestOf("own", FILES), licence: "MIT", sources: [{ url: `${server.url}/files` }] };
  writeFileSync(app.path("own.json"), JSON.stringify(manifest));
});
afterEach(() => server[Symbol.asyncDispose]());

describe("inglenook pull and verify", () => {
  it("put verified weights and their manifest into an app, once", async () => {
    expect(await inglenook("pull", "own.json")).toMatchObject({ code: 0 });
    expect(readFileSync(app.path(WEIGHTS)).equals(body)).toBe(true);
    expect(JSON.parse(readFileSync(app.path("public/models/own/manifest.json"), "utf8")).id).toBe("own");
    expect(server.served).toHaveLength(1);
    expect((await inglenook("pull", "own.json")).stderr).toContain("already there and verified");
    expect(server.served).toHaveLength(1);
    expect((await inglenook("verify")).stdout).toContain("own: 1 file");
  });

  it("find a damaged file, and mend it", async () => {
    await inglenook("pull", "own.json", "--to", "public/models");
    writeFileSync(app.path(WEIGHTS), WRONG);
    const { code, stderr } = await inglenook("verify", "public/models");
    expect(code).toBe(1);
    expect(stderr).toContain(`${WEIGHTS} has sha256`);
    expect(await inglenook("pull", "own.json")).toMatchObject({ code: 0 });
    expect(await inglenook("verify")).toMatchObject({ code: 0 });
  });

  it("keep nothing that differs from the manifest", async () => {
    body = WRONG;
    const { code, stderr } = await inglenook("pull", "own.json", "--to", "elsewhere");
    expect(code).toBe(1);
    expect(stderr).toContain("own: could not be fetched");
    expect(existsSync(app.path("elsewhere/own", PATH))).toBe(false);
  });

  it("know the bundled models' hashes, whatever lies beside the files", async () => {
    const id = "all-minilm-l6-v2-q8_0";
    mkdirSync(app.path("forged", id), { recursive: true });
    writeFileSync(app.path("forged", id, "manifest.json"), JSON.stringify(manifestOf(id, FILES)));
    writeFileSync(app.path("forged", id, PATH), BYTES);
    const { code, stderr } = await inglenook("verify", "forged");
    expect(code).toBe(1);
    expect(stderr).toContain("all-MiniLM-L6-v2-Q8_0.gguf is missing");
  });

  it.each(["ed25519", "prime256v1", "secp384r1", "secp521r1"])(
    "sign models and verify that: %s",
    async (kind) => {
      const keys = kind === "ed25519" ? ed25519() : onCurve(kind);
      writeFileSync(app.path("private.pem"), keys.privateKey.export({ type: "pkcs8", format: "pem" }));
      writeFileSync(app.path("public.pem"), ed25519().pem + keys.pem);
      writeFileSync(app.path("other.pem"), ed25519().pem);
      await inglenook("pull", "own.json");
      const folder = "public/models/own";
      rmSync(app.path(folder, "model.sig"), { force: true });
      const unsigned = await inglenook("verify", "--key", "public.pem");
      expect([unsigned.code, unsigned.stderr]).toEqual([
        1,
        expect.stringContaining("model.sig cannot be read"),
      ]);
      mkdirSync(app.path(folder, ".git"), { recursive: true });
      writeFileSync(app.path(folder, ".git/config"), "x");
      expect(await inglenook("sign", folder, "--key", "private.pem")).toMatchObject({ code: 0 });
      const signature = readFileSync(app.path(folder, "model.sig"), "utf8");
      const { files } = await verifyBundle(signature, keys.pem);
      expect([...files.keys()].sort()).toEqual(["manifest.json", PATH].sort());
      expect((await inglenook("verify", "--key", "public.pem")).stdout).toContain("verified and signed");
      expect((await inglenook("verify", "--key", "other.pem")).stderr).toContain("is refused");
      writeFileSync(
        app.path(folder, "manifest.json"),
        `${readFileSync(app.path(folder, "manifest.json"))}\n`,
      );
      expect((await inglenook("verify", "--key", "public.pem")).stderr).toContain(
        "does not cover manifest.json",
      );
      // Signing again does not sign the old signature.
      expect(await inglenook("sign", folder, "--key", "private.pem", "--to", "else.sig")).toMatchObject({
        code: 0,
      });
      const again = await verifyBundle(readFileSync(app.path("else.sig"), "utf8"), keys.pem);
      expect([...again.files.keys()]).toEqual([...files.keys()]);
      expect(await inglenook("sign", folder, "--key", "private.pem")).toMatchObject({ code: 0 });
      expect((await inglenook("verify", "--key", "public.pem")).code).toBe(0);
    },
  );

  it("sign no links", async () => {
    const { privateKey } = ed25519();
    writeFileSync(app.path("private.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
    mkdirSync(app.path("linked"), { recursive: true });
    symlinkSync(app.path("own.json"), app.path("linked/own.json"));
    const { code, stderr } = await inglenook("sign", "linked", "--key", "private.pem");
    expect([code, stderr]).toEqual([1, expect.stringContaining("is no plain file")]);
  });

  it.each([
    [2, "with which --key?", ["sign", "shared"]],
    [2, "sign: which folder?", ["sign", "--key", "own.json"]],
    [1, "nowhere is no folder", ["sign", "nowhere", "--key", "own.json"]],
    [1, "own.json has no private key", ["sign", "shared", "--key", "own.json"]],
    [1, "nothing.pem cannot be read", ["verify", "--key", "nothing.pem"]],
    [1, "no manifest for nothing", ["pull", "nothing"]],
    [1, "no manifest", ["pull", "package.json"]],
    [1, "has no models", ["verify", "shared"]],
    [2, "which model?", ["pull"]],
    [2, "Unknown option '--into'", ["pull", "own.json", "--into", "x"]],
    [2, "There is no command fetch", ["fetch"]],
    [2, "into which folder?", ["copy"]],
    [2, "which folder?", ["offline"]],
    [1, "nowhere is no folder", ["offline", "nowhere"]],
    [1, "has no files", ["offline", "public"]],
    [2, "x is no port", ["serve", "--port", "x"]],
    [1, "nowhere is no folder", ["serve", "nowhere"]],
    [2, "usage: inglenook <command>", []],
  ])("exit with %i: %s", async (expected, words, args) => {
    const { code, stderr } = await inglenook(...args);
    expect(stderr).toContain(words);
    expect(code).toBe(expected);
  });

  it("explain themselves", async () => {
    expect((await app.outcome("npx", "inglenook", "--help")).stdout).toMatch(
      /pull[\s\S]*sign[\s\S]*verify[\s\S]*serve[\s\S]*copy[\s\S]*offline/,
    );
    const { code, stdout } = await inglenook("pull", "--help");
    expect(code).toBe(0);
    expect(stdout).toContain("usage: inglenook pull <model | manifest.json>… [--to DIR]");
  });
});

describe("inglenook offline", () => {
  const put = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(app.path("built", path)), { recursive: true });
    writeFileSync(app.path("built", path), content);
  };
  const inPackage = (name: string) => readFileSync(app.path("node_modules/inglenook/web/dist", name));
  const list = (): string[][] => {
    const [, text = ""] =
      /^const INGLENOOK_FILES = (.*?);\n/s.exec(readFileSync(app.path("built/sw.js"), "utf8")) ?? [];
    return JSON.parse(text.replace(/,\n\]$/, "]"));
  };

  afterEach(() => rmSync(app.path("built"), { recursive: true }));

  it("lists what a site's pages may ask for, by its hash, and nothing else", async () => {
    put("index.html", "a page");
    put("deep/er/ü b.js", "a script");
    put("_next/_chunk.js", "a script of Next.js");
    put("__next._tree.txt", "what Next.js has of a page");
    put("assets/large.js", new Uint8Array(2 ** 20 + 1));
    put("large.bin", new Uint8Array(2 ** 20 + 1));
    put("assets/renamed-1234.wasm", inPackage("inglenook_cpu_threads.wasm"));
    put("assets/worker-1234.js", inPackage("worker.js"));
    const others = [
      "404.html",
      ".nojekyll",
      ".well-known/a.txt",
      "_headers",
      "a.js.map",
      "a.d.ts",
      "provenance.json",
    ];
    for (const path of [...others, "a.gguf", "models/own/config.json", "sw.js"]) put(path, "x");
    for (const name of ["cli.js", "node.js", "cdn.js", "offline-worker.js"]) put(name, inPackage(name));
    const { code, stdout } = await inglenook("offline", "built");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^built\/sw\.js: keeps 6 files \(1\.1 MB\), and when a page has used them 2 files \(\d+\.\d MB\)\n$/,
    );
    expect(list().map(([path, , part]) => [path, part])).toEqual([
      ["__next._tree.txt", undefined],
      ["_next/_chunk.js", undefined],
      ["assets/large.js", undefined],
      ["assets/renamed-1234.wasm", "inglenook_cpu_threads.wasm"],
      ["assets/worker-1234.js", undefined],
      ["deep/er/ü b.js", undefined],
      ["index.html", undefined],
      ["large.bin", "large.bin"],
    ]);
    for (const [path = "", sha256] of list()) {
      const content = readFileSync(app.path("built", path));
      expect(createHash("sha256").update(content).digest("hex")).toBe(sha256);
    }
  });

  it("writes the same for the same site, and something else for another", async () => {
    const script = async (...options: string[]) => {
      await inglenook("offline", "built", ...options);
      return readFileSync(app.path("built/sw.js"), "utf8");
    };
    put("index.html", "a page");
    const first = await script();
    expect(await script()).toBe(first);
    put("index.html", "another page");
    expect(await script()).not.toBe(first);
    await script("--remove");
    expect(list()).toEqual([]);
  });
});

describe("inglenook serve", () => {
  let url: string;
  let stop: () => void;

  beforeAll(async () => {
    mkdirSync(app.path("site"));
    for (const name of ["index.html", "a.js", "a.mjs", "a.wasm", "a.gguf"]) {
      writeFileSync(app.path("site", name), name);
    }
    const child = spawn(
      process.execPath,
      [app.path("node_modules/.bin/inglenook"), "serve", "site", "--port", "0"],
      {
        cwd: app.folder,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    stop = () => child.kill();
    for await (const line of createInterface(child.stdout)) {
      url = line;
      break;
    }
  });
  afterAll(() => stop?.());

  it.each([
    ["", "text/html; charset=utf-8"],
    ["a.js", "text/javascript; charset=utf-8"],
    ["a.mjs", "text/javascript; charset=utf-8"],
    ["a.wasm", "application/wasm"],
    ["a.gguf", "application/octet-stream"],
  ])("answers /%s as %s, isolated", async (path, type) => {
    const response = await fetch(url + path);
    expect(await response.text()).toBe(path || "index.html");
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(response.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
  });

  it.each(["/../package.json", "/%2e%2e/package.json", "/..%2fpackage.json"])(
    "keeps %s to itself",
    async (path) => {
      // `fetch` would normalise the path first.
      const status = await new Promise((resolve, reject) => {
        const { hostname, port } = new URL(url);
        request({ hostname, port, path }, ({ statusCode }) => resolve(statusCode))
          .on("error", reject)
          .end();
      });
      expect(status).toBe(404);
    },
  );
});
