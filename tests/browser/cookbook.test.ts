import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { codeBlocks, readDocument, sections } from "../unit/markdown.js";
import { hasChromium, workersLeft, workersNow } from "./harness/chromium.js";
import { openPage, runModule } from "./harness/documented.js";
import { status } from "./harness/replies.js";
import { useChromium } from "./harness/use-chromium.js";

const RECIPES = sections(readDocument("docs/cookbook.md"), 2);
const EMBEDDER = "/models/all-minilm-l6-v2-q8_0/all-MiniLM-L6-v2-Q8_0.gguf";
const PATIENCE = { timeout: 90_000, interval: 50 };

const recipe = (title: string) => RECIPES.get(title) ?? "";
const blockOf = (title: string, language: string) => codeBlocks(recipe(title), language)[0] ?? "";

describe.skipIf(!hasChromium)("the cookbook", () => {
  const site = useChromium({ fresh: true });

  const open = (title: string) => openPage(site, blockOf(title, "html"), blockOf(title, "ts"));
  const text = (selector: string) => site.opened.page.textContent(selector);
  const number = async (selector: string) => Number.parseInt((await text(selector)) ?? "", 10);
  const says = (selector: string) => expect.poll(() => text(selector), PATIENCE);

  it("shows how far the first load is", async () => {
    const page = await open("Show how far the first load is");
    await says("#status").toBe("Ready, on the cpu");
    expect(await page.$eval("#bar", (bar) => (bar as HTMLProgressElement).value)).toBe(1);
  });

  it("shows why the first load failed, and that it was stopped", async () => {
    const title = "Show how far the first load is";
    onTestFinished(() => site.server.restore(EMBEDDER));
    site.server.answer(EMBEDDER, status(404));
    await open(title);
    await says("#status").toMatch(/\(http-status\)$/);
    site.server.answer(EMBEDDER, () => {});
    const page = await open(title);
    await expect.poll(() => workersNow(page), PATIENCE).toBe(1);
    await page.click("#stop");
    await says("#status").toBe("Stopped");
  });

  it("streams an answer, and stops it", async () => {
    const page = await open("Stream an answer, with a stop button");
    await page.fill("#question", "Tell me a long story about a kettle.");
    await page.click("text=Ask");
    await says("#answer").toMatch(/\w+ \w+/);
    await page.click("#stop");
    const shown = await text("#answer");
    await page.waitForTimeout(1000);
    expect(await text("#answer")).toBe(shown);
    await page.fill("#question", "What is a kettle?");
    await page.click("text=Ask");
    await says("#answer").not.toContain(shown?.slice(0, 20));
    await says("#answer").toMatch(/\w+ \w+/);
    expect(site.opened.errors).toEqual([]);
  });

  it("keeps a conversation over a reload", async () => {
    const page = await open("Keep a conversation over a reload");
    await says("#usage").toMatch(/^\d+ of 8192 tokens$/);
    const before = await number("#usage");
    await page.fill("#question", "How do I boil an egg?");
    await page.click("text=Ask");
    await expect.poll(() => page.locator("#said li").count(), PATIENCE).toBe(2);
    await expect.poll(() => number("#usage"), PATIENCE).toBeGreaterThan(before);
    const [said, usage] = [await text("#said"), await number("#usage")];
    await page.reload();
    expect(await text("#said")).toBe(said);
    // An answer that was cut by `maxTokens` gets its end when it is read again.
    await expect.poll(() => number("#usage"), PATIENCE).toBeGreaterThanOrEqual(usage);
  });

  it("searches the user's own files, also on the next visit", async () => {
    const page = await open("Search the user's own files");
    await says("#status").toBe("0 passages");
    const notes = "The kettle is on the hob.\n\nThe train leaves at nine.\n\nThe cat sleeps by the fire.\n";
    await page.setInputFiles("#files", {
      name: "notes.txt",
      mimeType: "text/plain",
      buffer: Buffer.from(notes),
    });
    await says("#status").toBe("3 passages");
    await page.fill("#query", "When do I have to be at the station?");
    await says("#hits li:first-child").toMatch(/^notes\.txt: The train leaves at nine\. \(0\.\d\d\)$/);
    await page.reload();
    await says("#status").toBe("3 passages");
    await page.fill("#query", "Where is the pet?");
    await says("#hits li:first-child").toContain("The cat sleeps");
  });

  it("answers from one's own documents", async () => {
    const lines = await runModule(site, blockOf("Answer from one's own documents", "ts"));
    const [[answer], [source]] = lines as [[string], [string]];
    expect(source).toBe("The kettle is in the galley, behind the bread bin.");
    expect(answer).toMatch(/galley/i);
  });

  it("embeds ten thousand texts, stops, and goes on", async () => {
    const texts = Array.from({ length: 10_000 }, (_, i) => `Note ${i}`);
    site.server.answer("/texts.json", (response) =>
      response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(texts)),
    );
    const page = await open("Embed ten thousand texts");
    await expect.poll(() => workersNow(page), PATIENCE).toBe(2);
    await page.click("#start");
    await expect.poll(() => number("#count"), PATIENCE).toBeGreaterThan(300);
    await page.click("#stop");
    await says("#count").toMatch(/^(256|512|768|1024) of 10000$/);
    const kept = await number("#count");
    const seen = await page.evaluateHandle(() => {
      const numbers: number[] = [];
      const count = document.querySelector("#count") as HTMLElement;
      const note = () => numbers.push(Number.parseInt(count.innerText, 10));
      new MutationObserver(note).observe(count, { childList: true });
      return numbers;
    });
    await page.click("#start");
    await expect.poll(() => number("#count"), PATIENCE).toBeGreaterThan(1500);
    await page.click("#stop");
    expect(Math.min(...(await seen.jsonValue()))).toBeGreaterThanOrEqual(kept);
  });

  it("says which device runs, and why", async () => {
    const page = await open("Say which device runs, and why");
    await says("#status").toMatch(/^cpu, because of no-adapter: \w/);
    await page.selectOption("#device", "webgpu");
    await says("#status").toMatch(/^gpu-unavailable: \w/);
    await page.selectOption("#device", "cpu");
    await says("#status").toBe("cpu");
    await expect.poll(() => workersNow(page), PATIENCE).toBe(1);
  });

  it("runs a GGUF file from disk, and refuses another file", async () => {
    const page = await open("Run a GGUF file of one's own");
    await page.setInputFiles("#file", join(ROOT, "tests/golden/tiny-llama/model-q4_1.gguf"));
    await says("#output").toMatch(/^model-q4_1\.gguf, \d+ tokens, on the cpu\n./s);
    await page.setInputFiles("#file", {
      name: "a.gguf",
      mimeType: "",
      buffer: Buffer.from("no weights at all"),
    });
    await says("#output").toMatch(/\((malformed|unsupported)-file\)$/);
  });

  it("shows what is stored, and removes it", async () => {
    const { page } = site.opened;
    await page.evaluate(async () => (await inglenook.Embedder.create()).destroy());
    await open("Show what is stored, and remove it");
    await says("#models").toMatch(/^all-minilm-l6-v2-q8_0: 25 MB, used \d/);
    await says("#room").toMatch(/^25 MB of \d+ MB, /);
    await page.click("#keep");
    await page.click("#models button");
    await says("#models").toBe("");
    await says("#room").toMatch(/^0 MB of /);
  });

  it("is used in React, mounted twice, and leaves no worker behind", async () => {
    const source = `${blockOf("Use it in React", "tsx")}
      import { StrictMode } from "react";
      import { createRoot } from "react-dom/client";
      const root = createRoot(document.querySelector("#root"));
      document.querySelector("#leave").addEventListener("click", () => root.unmount());
      root.render(<StrictMode><Likeness one="a cat" other="a kitten" /></StrictMode>);`;
    const page = await openPage(site, '<div id="root"></div><button id="leave">x</button>', source, "tsx");
    await says("#root p").toMatch(/^0\.[78]\d$/);
    expect(workersNow(page)).toBe(1);
    await page.click("#leave");
    expect(await workersLeft(page)).toBe(0);
    expect(site.opened.errors).toEqual([]);
  });

  it("has a test of every recipe, and nothing that breaks the content security policy", () => {
    const tests = readFileSync(join(ROOT, "tests/browser/cookbook.test.ts"), "utf8");
    const untested = [...RECIPES.keys()].filter((title) => !tests.includes(`"${title}"`));
    expect(untested).toEqual([]);
    expect(RECIPES.size).toBe(10);
    expect(site.server.violations).toEqual([]);
  });
});
