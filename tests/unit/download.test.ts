import { createHash } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ModelFile, ModelManifest } from "../../web/src/manifest.js";
import { folderOf, readModel } from "../../web/src/worker/download.js";
import type { ByteProgress } from "../../web/src/worker/protocol.js";
import type { FileSink } from "../../web/src/worker/wanted.js";
import { FakeCaches } from "./fake-caches.js";

// What fetches is loaded by the address that it has in the package.
vi.mock("../../web/src/worker/load-delivery.js", () => ({
  loadDelivery: () => import("../../web/src/worker/deliver.js"),
}));
vi.mock("../../web/src/worker/pause.js", () => ({ pause: async () => {} }));

const hashOf = (bytes: Uint8Array = Buffer.of()) => createHash("sha256").update(bytes).digest("hex");

/** Stands in for the crate's `ModelFiles`: keeps what is verified. */
class FakeFiles implements FileSink {
  /** The hashes that it was told to check. */
  readonly told: (string | undefined)[] = [];
  readonly verified = new Map<string, Buffer>();
  #open: { path: string; sha256: string | undefined; chunks: Uint8Array[] } | undefined;

  open(path: string, _: number | undefined, sha256: string | undefined): void {
    this.told.push(sha256);
    this.#open = { path, sha256, chunks: [] };
  }

  push(chunk: Uint8Array): void {
    this.#open?.chunks.push(chunk.slice());
  }

  close(): void {
    const { path = "", sha256, chunks = [] } = this.#open ?? {};
    const content = Buffer.concat(chunks);
    // Rust throws plain records.
    if (sha256 !== undefined && hashOf(content) !== sha256)
      throw { code: "hash-mismatch", message: "Wrong.", detail: path };
    this.verified.set(path, content);
  }
}

const config = Buffer.from('{"a":1}');
const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
const manifest: ModelManifest = {
  id: "tiny",
  files: [
    { path: "sub folder/config.json", bytes: config.length, sha256: hashOf(config) },
    { path: "w.bin", bytes: weights.length, sha256: hashOf(weights) },
  ],
};
const keyOf = (bytes: Buffer) => `https://inglenook.invalid/${hashOf(bytes)}`;

let server: Server;
let host: string;
let requests: string[];
let caches: FakeCaches;
/** How `w.bin` is answered; a test may change it. */
let answerWeights: RequestListener;

beforeEach(async () => {
  requests = [];
  answerWeights = (_, response) => response.end(weights);
  server = createServer((request, response) => {
    requests.push(request.url ?? "");
    if (request.url === "/models/tiny/sub%20folder/config.json") response.end(config);
    else answerWeights(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`;
  caches = new FakeCaches();
  vi.stubGlobal("caches", caches);
});

afterEach(() => {
  vi.unstubAllGlobals();
  server.closeAllConnections();
  server.close();
});

async function read(modelHost = host, model = manifest) {
  const files = new FakeFiles();
  const progress: ByteProgress[] = [];
  await readModel(model, folderOf(modelHost, model), files, (p) => progress.push({ ...p }));
  return { files, progress };
}

describe("readModel from the host", () => {
  it("reads every file in order, verifies it and keeps it", async () => {
    const { files, progress } = await read();
    expect([...files.verified.keys()]).toEqual(["sub folder/config.json", "w.bin"]);
    expect(hashOf(files.verified.get("w.bin"))).toBe(hashOf(weights));
    const total = config.length + weights.length;
    expect(progress[0]).toEqual({ bytesLoaded: 0, bytesFetched: 0, bytesTotal: total });
    expect(progress.at(-1)).toEqual({ bytesLoaded: total, bytesFetched: total, bytesTotal: total });
    expect(hashOf(await caches.content(keyOf(weights)))).toBe(hashOf(weights));
  });

  it.each<[string, string, RequestListener]>([
    ["a 404", "http-status", (_, response) => response.writeHead(404).end("no")],
    ["a 500", "http-status", (_, response) => response.writeHead(500).end("no")],
    [
      "a web page",
      "not-weights",
      (_, response) => response.setHeader("content-type", "text/html; charset=utf-8").end("<!doctype html>"),
    ],
    ["an empty file", "incomplete-download", (_, response) => response.end()],
    ["half of the file", "incomplete-download", (_, response) => response.end(weights.subarray(0, 150_000))],
    [
      "a connection cut at 50 %",
      "incomplete-download",
      (_, response) => {
        response.setHeader("content-length", weights.length);
        response.write(weights.subarray(0, 150_000), () => response.destroy());
      },
    ],
    ["a longer file", "size-mismatch", (_, response) => response.end(Buffer.concat([weights, config]))],
    [
      "a flipped bit",
      "hash-mismatch",
      (_, response) => {
        const flipped = Buffer.from(weights);
        flipped.writeUInt8(flipped.readUInt8(123_456) ^ 8, 123_456);
        response.end(flipped);
      },
    ],
  ])("refuses %s, and keeps nothing of it", async (_, code, answer) => {
    answerWeights = answer;
    await expect(read()).rejects.toMatchObject({ code });
    expect(await caches.content(keyOf(weights))).toBeUndefined();
    expect(await caches.content(keyOf(config))).toEqual(config);

    answerWeights = (_, response) => response.end(weights);
    expect((await read()).files.verified.size).toBe(2);
  });

  it("says `network` when nobody answers, and names the address", async () => {
    const nobody = "http://127.0.0.1:1/models/";
    await expect(read(nobody)).rejects.toMatchObject({
      code: "network",
      detail: "http://127.0.0.1:1/models/tiny/sub%20folder/config.json",
    });
  });
});

describe("readModel with the cache", () => {
  it("asks for nothing that is there", async () => {
    await read();
    requests = [];
    const { files, progress } = await read();
    expect(requests).toEqual([]);
    expect(hashOf(files.verified.get("w.bin"))).toBe(hashOf(weights));
    const total = config.length + weights.length;
    expect(progress.at(-1)).toEqual({ bytesLoaded: total, bytesFetched: 0, bytesTotal: total });
  });

  it.each([
    ["corrupt", Buffer.from(weights).reverse()],
    ["short", weights.subarray(0, 1000)],
    ["long", Buffer.concat([weights, config])],
  ])("replaces a %s entry", async (_, stored) => {
    await read();
    caches.store(keyOf(weights), stored);
    requests = [];
    const { files } = await read();
    expect(requests).toEqual(["/models/tiny/w.bin"]);
    expect(hashOf(files.verified.get("w.bin"))).toBe(hashOf(weights));
    expect(hashOf(await caches.content(keyOf(weights)))).toBe(hashOf(weights));
  });

  it("does not take an entry for a file that was never completed", async () => {
    await read();
    await (await caches.open()).delete(`${keyOf(weights)}?complete`);
    requests = [];
    await read();
    expect(requests).toEqual(["/models/tiny/w.bin"]);
  });

  it("does without one", async () => {
    vi.stubGlobal("caches", undefined);
    expect((await read()).files.verified.size).toBe(2);
  });

  it("does without one that is denied", async () => {
    vi.stubGlobal("caches", { open: () => Promise.reject(new DOMException("no", "SecurityError")) });
    expect((await read()).files.verified.size).toBe(2);
  });

  it.each(["at once", "in the middle"] as const)("goes on when the store is full %s", async (when) => {
    caches.failPut = when;
    const { files } = await read();
    expect(hashOf(files.verified.get("w.bin"))).toBe(hashOf(weights));
    expect(await caches.content(keyOf(weights))).toBeUndefined();
  });

  it("stops at once when the engine fails", async () => {
    const files = new FakeFiles();
    files.push = () => {
      throw new RangeError("no memory");
    };
    await expect(readModel(manifest, folderOf(host, manifest), files, () => {})).rejects.toThrow("no memory");
  });
});

describe("readModel of a file with a hash of its pieces", () => {
  const [, whole] = manifest.files as [ModelFile, ModelFile];
  const pieces = [weights.subarray(0, 2 ** 18), weights.subarray(2 ** 18)];
  const piecesSha256 = hashOf(Buffer.from(pieces.map(hashOf).join(""), "hex"));
  const withPieces = { ...manifest, files: [{ ...whole, piecesSha256 }] };
  const flipped = Buffer.from(weights);
  flipped.writeUInt8(flipped.readUInt8(123_456) ^ 8, 123_456);

  it("leaves nothing to check to the engine", async () => {
    const { files } = await read(host, withPieces);
    expect(files.told).toEqual([undefined]);
    expect(files.verified.get("w.bin")).toEqual(weights);
    expect(await caches.content(keyOf(weights))).toEqual(weights);
  });

  it("refuses another file, and keeps nothing of it", async () => {
    answerWeights = (_, response) => response.end(flipped);
    await expect(read(host, withPieces)).rejects.toMatchObject({ code: "hash-mismatch", detail: "w.bin" });
    expect(await caches.content(keyOf(weights))).toBeUndefined();
  });

  it("replaces a corrupt entry of the cache", async () => {
    await read(host, withPieces);
    caches.store(keyOf(weights), flipped);
    requests = [];
    expect((await read(host, withPieces)).files.verified.get("w.bin")).toEqual(weights);
    expect(requests).toEqual(["/models/tiny/w.bin"]);
  });

  it("has the engine check the whole where the page may not hash", async () => {
    vi.stubGlobal("crypto", {});
    const { files } = await read(host, withPieces);
    expect(files.told).toEqual([hashOf(weights)]);
    answerWeights = (_, response) => response.end(flipped);
    vi.stubGlobal("caches", undefined);
    await expect(read(host, withPieces)).rejects.toMatchObject({ code: "hash-mismatch" });
  });
});
