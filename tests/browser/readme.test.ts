import { availableParallelism } from "node:os";
import { transform } from "esbuild";
import { describe, expect, it } from "vitest";
import { codeBlocks, readDocument } from "../unit/markdown.js";
import { BuiltSite, PLAIN } from "./harness/built-site.js";
import { hasChromium } from "./harness/chromium.js";
import { runModule } from "./harness/documented.js";
import "./harness/page.js";
import { TestServer } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

const README = readDocument("README.md");
const EXAMPLES = codeBlocks(README, "ts").filter((code) => code.includes('from "inglenook"'));
const [PAGE = ""] = codeBlocks(README, "html");
const [[OFFLINE = ""], [RELOADING = ""]] = ["ts", "js"].map((language) =>
  codeBlocks(readDocument("docs/offline.md"), language),
) as [string[], string[]];

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

  it("the service worker keeps a site, and isolates it where its host sends no headers", async () => {
    const built = new BuiltSite();
    const server = await TestServer.start({ root: built.root, headers: PLAIN });
    for (const [name, source] of [
      ["offline.js", OFFLINE.replace('"inglenook"', '"./inglenook/index.js"')],
      ["reload.js", RELOADING],
    ] as const) {
      const { code } = await transform(source, { loader: "ts", target: "es2022" });
      server.answer(`/site/${name}`, (response) =>
        response.writeHead(200, { "Content-Type": "text/javascript" }).end(code),
      );
    }
    const { context, page } = await site.chromium.open(server, built.path, undefined, "allow");
    try {
      const said = page.waitForEvent("console");
      await page.evaluate(`import("/site/offline.js").then(() => undefined)`);
      expect((await said).text()).toBe("false");
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
      const loaded = page.waitForEvent("load");
      await page.evaluate(`void import("/site/reload.js")`);
      await loaded;
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
      await page.waitForSelector("body[data-ready]", { state: "attached" });
      await page.evaluate(async (model) => {
        const embedder = await inglenook.Embedder.create({ device: "cpu", model });
        await embedder.embed(["a text"]);
      }, built.model);
      const threads = "/site/inglenook/inglenook_cpu_threads.wasm";
      if (availableParallelism() > 1) expect(server.paths).toContain(threads);
    } finally {
      await context.close();
      await server.stop();
      built.remove();
    }
  });

  it("broke no rule of the content security policy", () => {
    expect(site.server.violations).toEqual([]);
    expect(site.server.requests.every(({ method, hasBody }) => method === "GET" && !hasBody)).toBe(true);
  });
});
