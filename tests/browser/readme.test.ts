import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { codeBlocks, readDocument } from "../unit/markdown.js";
import { hasChromium } from "./harness/chromium.js";
import { runModule } from "./harness/documented.js";
import "./harness/page.js";
import { TestServer } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

const README = readDocument("README.md");
const EXAMPLES = codeBlocks(README, "ts").filter((code) => code.includes('from "inglenook"'));
const [PAGE = ""] = codeBlocks(README, "html");
const [ISOLATING_WORKER = "", ISOLATING_PAGE = ""] = codeBlocks(readDocument("docs/threads.md"), "js");
const NOT_ISOLATED = {
  "Cross-Origin-Opener-Policy": "unsafe-none",
  "Cross-Origin-Embedder-Policy": "unsafe-none",
};

describe.skipIf(!hasChromium)("the README's examples", () => {
  const site = useChromium();

  const run = (source: string) => runModule(site, source);

  it("the first finds the right text", async () => {
    const [line = []] = await run(EXAMPLES[0] ?? "");
    expect(line[0]).toBe("The train leaves at nine.");
    // What sentence-transformers computes for the two texts is 0.2527.
    expect(line[1]).toBeCloseTo(0.25, 1);
    expect(line[2]).toBe("cpu");
  });

  it("the script tag adds the similarity to the page", async () => {
    const [, script = ""] = /<script type="module">(.*)<\/script>/s.exec(PAGE) ?? [];
    await run(script);
    expect(Number(await site.opened.page.textContent("body"))).toBeGreaterThan(0.7);
  });

  it("the chat streams, remembers, and counts its tokens", async () => {
    const lines = (await run(EXAMPLES[1] ?? "")).map((line) => String(line[0]));
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.slice(0, -2).join("")).toMatch(/\w/);
    expect(lines.at(-2)).toMatch(/\w/);
    expect(lines.at(-1)).toMatch(/^\d+ of 8192 tokens$/);
    expect(site.opened.errors).toEqual([]);
  });

  it("the service worker isolates a page whose host sends no headers", async () => {
    const server = await TestServer.start({ headers: NOT_ISOLATED });
    for (const [path, code] of [
      ["/isolate.js", ISOLATING_WORKER],
      ["/isolating.js", ISOLATING_PAGE],
    ] as const) {
      server.answer(path, (response) =>
        response.writeHead(200, { "Content-Type": "text/javascript" }).end(code),
      );
    }
    const { context, page } = await site.chromium.open(server, "", undefined, "allow");
    try {
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
      const loaded = page.waitForEvent("load");
      await page.evaluate(`void import("/isolating.js")`);
      await loaded;
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      const device = await page.evaluate(async () => {
        const embedder = await inglenook.Embedder.create({ device: "cpu" });
        await embedder.embed(["a text"]);
        return embedder.device;
      });
      expect(device).toBe("cpu");
      if (availableParallelism() > 1) expect(server.paths).toContain("/dist/inglenook_cpu_threads.wasm");
    } finally {
      await context.close();
      await server.stop();
    }
  });

  it("broke no rule of the content security policy", () => {
    expect(site.server.violations).toEqual([]);
    expect(site.server.requests.every(({ method, hasBody }) => method === "GET" && !hasBody)).toBe(true);
  });
});
