/** The chat page: it answers, stops, answers again and anew, keeps the conversation here, and opens a model from disk. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { hasChromium } from "./harness/chromium.js";
import { useChromium } from "./harness/use-chromium.js";

const TINY = join(ROOT, "tests/golden/tiny-llama/model-q8_0.gguf");

describe.skipIf(!hasChromium)("the chat page", () => {
  const site = useChromium({ root: join(ROOT, "dist") });
  const page = () => site.opened.page;

  const state = (talk: string) =>
    page().waitForSelector(`body[data-talk="${talk}"]`, { state: "attached", timeout: 60_000 });
  const words = () => page().locator("#log .turn-words").allTextContents();

  async function say(text: string) {
    await page().fill("#prompt", text);
    await page().press("#prompt", "Enter");
  }

  it("opens a model from disk, without a request for one", async () => {
    await page().goto(new URL("chat.html", page().url()).href);
    await page().setInputFiles("#model-input", TINY);
    await page().waitForSelector('body[data-model="ready"]', { state: "attached", timeout: 60_000 });
    expect(await page().textContent("#model-name")).toBe("model-q8_0.gguf");
    expect(await page().textContent("#fetched")).toContain("0 bytes");
    expect(site.server.paths.filter((path) => path.endsWith(".gguf"))).toEqual([]);
  });

  it("answers, and says how fast and how full it is", async () => {
    await say("Hello");
    await page().waitForSelector('#log [data-role="assistant"]:not([data-writing])');
    await state("idle");
    expect(await words()).toHaveLength(2);
    expect((await words())[0]).toBe("Hello");
    expect(await page().textContent("#context-text")).toMatch(/^[1-9]\d* of /);
  });

  it("answers again, and answers an edited question", async () => {
    await page().click("#log .regenerate:visible");
    await state("idle");
    expect(await words()).toHaveLength(2);
    await page().click('#log button:text("Edit")');
    await page().fill("#log textarea", "Good evening");
    await page().click('#log button:text("Send")');
    await page().waitForFunction(() => document.querySelector(".turn-words")?.textContent === "Good evening");
    await state("idle");
    expect((await words())[0]).toBe("Good evening");
  });

  it("keeps the conversation for the next visit, and erases it", async () => {
    const before = await words();
    await page().reload();
    expect(await words()).toEqual(before);
    await page().click("#erase");
    expect(await words()).toEqual([]);
    await page().reload();
    expect(await words()).toEqual([]);
  });

  it("fetches its own model when it has to, and stops an answer with Escape, and keeps what there is of it", async () => {
    await say("Tell me a very long story.");
    await state("answering");
    await page().keyboard.press("Escape");
    await state("idle");
    const [question, answer] = await words();
    expect(question).toBe("Tell me a very long story.");
    expect(answer).not.toBe("");
    expect(await page().isVisible("#send")).toBe(true);
  });

  it("says what is wrong with a file that is no model", async () => {
    const file = { name: "notes.gguf", mimeType: "", buffer: Buffer.from("no model at all") };
    await page().setInputFiles("#model-input", file);
    await page().waitForSelector('body[data-model="failed"]', { state: "attached", timeout: 60_000 });
    expect(await page().textContent("#model-state")).toBe("The model file is damaged.");
  });

  it("sends nothing, and breaks no rule of its policy", () => {
    expect(site.server.violations).toEqual([]);
    expect(site.opened.errors).toEqual([]);
  });
});
