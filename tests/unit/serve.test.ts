import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serve } from "../../web/serve.mjs";

let folder: string;
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "inglenook-serve-"));
  mkdirSync(join(folder, "site/assets"), { recursive: true });
  mkdirSync(join(folder, "weights/m"), { recursive: true });
  writeFileSync(join(folder, "site/index.html"), "<!doctype html>hello");
  writeFileSync(join(folder, "site/assets/a-1b2c.js"), "export {}");
  writeFileSync(join(folder, "site/x.wasm"), "");
  writeFileSync(join(folder, "weights/m/w.gguf"), "0123456789");
  writeFileSync(join(folder, "secret"), "no");
  symlinkSync(join(folder, "secret"), join(folder, "site/link"));
  server = await serve({ root: join(folder, "site"), mounts: { "/models/": join(folder, "weights") } });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(new URL(path, server.url), { headers });

/** Sends a path as it is: `fetch` would normalise it first. */
function statusOf(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: server.port, path };
    request(options, ({ statusCode }) => resolve(statusCode))
      .on("error", reject)
      .end();
  });
}

describe("serve", () => {
  it("serves the page with a strict policy, isolated", async () => {
    const response = await get("/");
    expect(await response.text()).toContain("hello");
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(response.headers.get("cross-origin-embedder-policy")).toBe("require-corp");
    const policy = response.headers.get("content-security-policy");
    expect(policy).toContain("connect-src 'self'");
    expect(policy).not.toContain("'unsafe-");
  });

  it.each([
    ["/assets/a-1b2c.js", "text/javascript; charset=utf-8", /immutable/],
    ["/x.wasm", "application/wasm", /no-cache/],
    ["/models/m/w.gguf", "application/octet-stream", /no-cache/],
  ])("serves %s as %s", async (path, type, cacheControl) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(type);
    expect(response.headers.get("cache-control")).toMatch(cacheControl);
  });

  it.each([
    ["bytes=2-4", 206, "234"],
    ["bytes=7-", 206, "789"],
    ["bytes=-3", 206, "789"],
    ["bytes=5-99", 206, "56789"],
    ["bytes=10-", 416, ""],
    ["bytes=-0", 416, ""],
    ["bytes=0-1,3-4", 200, "0123456789"],
  ])("answers the range %s with %i", async (range, status, body) => {
    const response = await get("/models/m/w.gguf", { range });
    expect(response.status).toBe(status);
    expect(await response.text()).toBe(body);
  });

  it("answers a current copy with 304", async () => {
    const etag = (await get("/")).headers.get("etag") ?? "";
    expect((await get("/", { "if-none-match": etag })).status).toBe(304);
  });

  it.each([
    "/nothing",
    "/models/",
    "/assets",
    "/link",
    "/../secret",
    "/%2e%2e/secret",
    "/..%2fsecret",
    "/a%00",
    "/%",
  ])("has nothing at %s", async (path) => {
    expect(await statusOf(path)).toBe(404);
  });

  it("takes nothing but GET and HEAD", async () => {
    expect((await fetch(server.url, { method: "POST", body: "x" })).status).toBe(405);
    const head = await fetch(server.url, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("20");
    expect(await head.text()).toBe("");
  });

  it("takes another port when its own is taken", async () => {
    const other = await serve({ root: join(folder, "site"), port: server.port });
    expect(other.port).not.toBe(server.port);
    await other.close();
  });

  it("lets a caller answer first, and add headers", async () => {
    const other = await serve({
      root: join(folder, "site"),
      headers: { "X-Test": "1" },
      intercept: (request, response) => request.url === "/broken" && !!response.writeHead(500).end(),
    });
    expect((await fetch(`${other.url}broken`)).status).toBe(500);
    expect((await fetch(other.url)).headers.get("x-test")).toBe("1");
    await other.close();
  });
});
