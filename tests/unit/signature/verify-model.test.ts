import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ModelFile } from "../../../web/src/manifest.js";
import { verifyModel } from "../../../web/src/signature/verify-model.js";
import { pause } from "../../../web/src/worker/pause.js";
import type { ChatSource } from "../../../web/src/worker/protocol.js";
import { FakeCaches } from "../fake-caches.js";
import { bundleOf, ed25519, hashOf, statementOf } from "./make.js";

vi.mock("../../../web/src/worker/pause.js", () => ({ pause: vi.fn(async () => {}) }));

const KEYS = ed25519();
const NAME = "tiny.gguf";
const SHA256 = hashOf("weights");
const signed = (digest = SHA256, by = KEYS, name = NAME) =>
  JSON.stringify(bundleOf(statementOf([[name, digest]]), by));

let server: Server;
let host: string;
let asked: string[];
let answer: RequestListener;

beforeEach(async () => {
  vi.mocked(pause).mockClear();
  asked = [];
  answer = (_, response) => response.end(signed());
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  vi.stubGlobal("caches", new FakeCaches());
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  server.closeAllConnections();
  server.close();
});

const atUrl = (): ChatSource => ({ kind: "url", url: `${host}deep/tiny.gguf?v=1`, name: NAME });
const FILE: ModelFile = { path: NAME, bytes: 7, sha256: SHA256 };
const hosted = (...files: ModelFile[]): ChatSource => {
  return { kind: "manifest", manifest: { id: "a b/c", files }, modelHost: host };
};
const verify = (source = atUrl(), pem = KEYS.pem, signal?: AbortSignal) =>
  verifyModel(pem, source, { fetch, signal });

describe("verifyModel", () => {
  it("finds the hash of a file at an address in the signature beside it", async () => {
    const signature = { algorithm: "Ed25519", key: hashOf(KEYS.pem) };
    expect(await verify()).toEqual({ signature, source: { ...atUrl(), sha256: SHA256 } });
    expect(asked).toEqual(["/deep/model.sig"]);
  });

  it("finds the signature of a manifest's files in their folder", async () => {
    expect((await verify(hosted(FILE))).source).toEqual(hosted(FILE));
    expect(asked).toEqual(["/a%20b/c/model.sig"]);
  });

  it("leaves nothing of a manifest's file that is not signed", async () => {
    const { source } = await verify(hosted({ ...FILE, piecesSha256: hashOf("others") }));
    expect(source).toEqual(hosted(FILE));
  });

  it("keeps a signature that was verified, and no other", async () => {
    answer = (_, response) => response.end(signed(SHA256, ed25519()));
    await expect(verify()).rejects.toMatchObject({ code: "signature-invalid" });
    answer = (_, response) => response.end(signed());
    await verify();
    expect(asked).toHaveLength(2);
    server.closeAllConnections();
    server.close();
    expect(await verify()).toMatchObject({ source: { sha256: SHA256 } });
  });

  it("asks the host again where what was kept does not fit any more", async () => {
    await verify();
    const next = ed25519();
    answer = (_, response) => response.end(signed(hashOf("others"), next));
    expect(await verify(atUrl(), next.pem)).toMatchObject({ source: { sha256: hashOf("others") } });
    await expect(verify()).rejects.toMatchObject({ code: "signature-invalid" });
    expect(asked).toHaveLength(3);
  });

  const half: RequestListener = (_, response) =>
    response.writeHead(200, { "content-length": 99 }).write("{", () => response.destroy());

  it.each<[what: string, code: string, reply: RequestListener]>([
    ["a busy host", "http-status", (_, response) => response.writeHead(503).end()],
    [
      "a busy host's page",
      "http-status",
      (_, response) => response.writeHead(503, { "content-type": "text/html" }).end("<p>"),
    ],
    ["a lost connection", "network", (_, response) => response.destroy()],
    ["a half", "network", half],
  ])("tries %s again, four times at most", async (_, code, reply) => {
    answer = reply;
    await expect(verify()).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(4);
    answer = (request, response) => (asked.length < 8 ? reply(request, response) : response.end(signed()));
    await expect(verify()).resolves.toMatchObject({ source: { sha256: SHA256 } });
    expect(asked).toHaveLength(8);
  });

  it("waits as long as the host says", async () => {
    answer = (_, response) =>
      asked.length === 1 ? response.writeHead(429, { "retry-after": "7" }).end() : response.end(signed());
    await verify();
    expect(vi.mocked(pause).mock.calls).toEqual([[7000, undefined]]);
  });

  it.each<[when: string, reply: RequestListener]>([
    ["before its answer", () => {}],
    ["in its answer", (_, response) => response.writeHead(200, { "content-length": 99 }).write("{")],
  ])("tries a host again that falls silent %s", async (_, reply) => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    answer = (request, response) => (asked.length === 1 ? reply(request, response) : response.end(signed()));
    const verified = verify();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    for (let tries = 0; tries < 300 && asked.length === 1; tries++) {
      vi.advanceTimersByTime(1000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await expect(verified).resolves.toMatchObject({ source: { sha256: SHA256 } });
    expect(asked).toHaveLength(2);
  });

  it("ends with the signal's reason between two tries", async () => {
    const stop = new AbortController();
    vi.mocked(pause).mockImplementationOnce(async () => stop.abort(new Error("enough")));
    answer = (_, response) => response.writeHead(503).end();
    await expect(verify(atUrl(), KEYS.pem, stop.signal)).rejects.toThrow("enough");
    expect(asked).toHaveLength(1);
  });

  it.each<[what: string, code: string, reply: RequestListener]>([
    ["a 404", "signature-missing", (_, response) => response.writeHead(404).end()],
    [
      "a page",
      "signature-missing",
      (_, response) => response.setHeader("content-type", "text/html").end("<p>"),
    ],
    ["a 401", "http-status", (_, response) => response.writeHead(401).end()],
    ["nothing", "signature-invalid", (_, response) => response.end()],
    ["bytes that are no text", "signature-invalid", (_, response) => response.end(Buffer.of(0xff, 0xfe, 0))],
    ["5 MB", "signature-invalid", (_, response) => response.end(signed() + " ".repeat(5_000_000))],
    [
      "the digest of another file",
      "signature-invalid",
      (_, response) => response.end(signed(SHA256, KEYS, "x.gguf")),
    ],
  ])("refuses %s at once", async (_, code, reply) => {
    answer = reply;
    await expect(verify()).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(1);
  });

  it("wants every file of a manifest covered, with its hash", async () => {
    const invalid = { code: "signature-invalid", message: expect.stringContaining("more.json") };
    await expect(verify(hosted(FILE, { ...FILE, path: "more.json" }))).rejects.toMatchObject(invalid);
    const other = verify(hosted({ ...FILE, sha256: hashOf("others") }));
    await expect(other).rejects.toMatchObject({ code: "signature-invalid" });
  });

  it("refuses a file from disk, and a key that is none, before anything is asked for", async () => {
    const file: ChatSource = { kind: "file", file: new Blob(["weights"]), name: NAME };
    await expect(verify(file)).rejects.toMatchObject({ code: "signature-missing", detail: NAME });
    await expect(verify(atUrl(), "")).rejects.toMatchObject({ code: "invalid-input" });
    expect(asked).toEqual([]);
  });

  it("ends with the signal's reason", async () => {
    const stop = new AbortController();
    answer = () => stop.abort(new Error("enough"));
    await expect(verify(atUrl(), KEYS.pem, stop.signal)).rejects.toThrow("enough");
  });

  it("does without a store", async () => {
    vi.stubGlobal("caches", undefined);
    await verify();
    await verify();
    expect(asked).toHaveLength(2);
  });
});
