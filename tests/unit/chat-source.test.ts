import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { forgetSource, readSource } from "../../web/src/worker/chat-source.js";
import type { ByteProgress, ChatSource } from "../../web/src/worker/protocol.js";
import type { FileSink } from "../../web/src/worker/wanted.js";
import { FakeCaches } from "./fake-caches.js";

// What fetches is loaded by the address that it has in the package.
vi.mock("../../web/src/worker/load-delivery.js", () => ({
  loadDelivery: () => import("../../web/src/worker/deliver.js"),
}));
vi.mock("../../web/src/worker/pause.js", () => ({ pause: async () => {} }));

const weights = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));

/** Keeps what it is given. */
class FakeSink implements FileSink {
  opened: unknown[] = [];
  closed = false;
  content = Buffer.alloc(0);

  open(...file: unknown[]): void {
    this.opened = file;
    this.content = Buffer.alloc(0);
  }

  push(chunk: Uint8Array): void {
    this.content = Buffer.concat([this.content, chunk]);
  }

  close(): void {
    this.closed = true;
  }
}

let server: Server;
let url: string;
let asked: number;
let answer: RequestListener;

beforeEach(async () => {
  asked = 0;
  answer = (_, response) => response.setHeader("content-length", weights.length).end(weights);
  server = createServer((request, response) => {
    asked++;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/deep/tiny.gguf?v=1`;
  vi.stubGlobal("caches", new FakeCaches());
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const atUrl = (): ChatSource => ({ kind: "url", url, name: "tiny.gguf" });

async function read(source: ChatSource = atUrl()) {
  const sink = new FakeSink();
  const progress: ByteProgress[] = [];
  await readSource(source, sink, (p) => progress.push({ ...p }));
  expect(sink.closed).toBe(true);
  return { sink, progress };
}

describe("an address", () => {
  it("is read with the length that the host gives, and the second time from the cache", async () => {
    const bytes = weights.length;
    const first = await read();
    expect(first.sink.opened).toEqual(["tiny.gguf", bytes, ""]);
    expect(first.sink.content.equals(weights)).toBe(true);
    expect(first.progress[0]).toEqual({ bytesLoaded: 0, bytesFetched: 0, bytesTotal: bytes });
    expect(first.progress.at(-1)).toEqual({ bytesLoaded: bytes, bytesFetched: bytes, bytesTotal: bytes });
    const second = await read();
    expect(second.sink.content.equals(weights)).toBe(true);
    expect(second.progress.at(-1)).toEqual({ bytesLoaded: bytes, bytesFetched: 0, bytesTotal: bytes });
    expect(asked).toBe(1);
  });

  it("is read to its end where the host gives no length", async () => {
    answer = (_, response) => void response.write(weights, () => response.end());
    const { sink, progress } = await read();
    expect(sink.opened).toEqual(["tiny.gguf", undefined, ""]);
    expect(progress[0]?.bytesTotal).toBe(Number.POSITIVE_INFINITY);
    const bytes = weights.length;
    expect(progress.at(-1)).toEqual({ bytesLoaded: bytes, bytesFetched: bytes, bytesTotal: bytes });
    expect((await read()).sink.content.equals(weights)).toBe(true);
    expect(asked).toBe(1);
  });

  it.each<[string, string, RequestListener]>([
    ["a 404", "http-status", (_, response) => response.writeHead(404).end()],
    [
      "a web page",
      "not-weights",
      (_, response) => response.setHeader("content-type", "text/html").end("<p>"),
    ],
    [
      "half of the file",
      "incomplete-download",
      (_, response) => {
        response.setHeader("content-length", weights.length);
        response.write(weights.subarray(0, 100_000), () => response.destroy());
      },
    ],
  ])("is refused and not kept: %s", async (_, code, reply) => {
    const plain = answer;
    answer = reply;
    await expect(read()).rejects.toMatchObject({ code });
    answer = plain;
    asked = 0;
    expect((await read()).sink.content.equals(weights)).toBe(true);
    expect(asked).toBe(1);
  });

  it("is fetched again when what was kept has become short, or was forgotten", async () => {
    await read();
    const key = `https://inglenook.invalid/url/${encodeURIComponent(url)}`;
    (globalThis.caches as unknown as FakeCaches).store(key, weights.subarray(0, 10));
    expect((await read()).sink.content.equals(weights)).toBe(true);
    expect(asked).toBe(2);
    await forgetSource(atUrl());
    await read();
    expect(asked).toBe(3);
  });

  it("is checked by its hash where that is known", async () => {
    const sha256 = "1".repeat(64);
    const { sink } = await read({ kind: "url", url, name: "tiny.gguf", sha256 });
    expect(sink.opened).toEqual(["tiny.gguf", weights.length, sha256]);
  });

  it("does without a cache", async () => {
    vi.stubGlobal("caches", undefined);
    expect((await read()).sink.content.equals(weights)).toBe(true);
  });
});

describe("a file", () => {
  it("is read where it is, by the name of a GGUF file", async () => {
    const { sink, progress } = await read({ kind: "file", file: new Blob([weights]), name: "mine.bin" });
    expect(sink.opened).toEqual(["mine.bin.gguf", weights.length, ""]);
    expect(sink.content.equals(weights)).toBe(true);
    const bytes = weights.length;
    expect(progress.at(-1)).toEqual({ bytesLoaded: bytes, bytesFetched: 0, bytesTotal: bytes });
  });
});
