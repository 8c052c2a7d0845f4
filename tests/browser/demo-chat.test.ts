/** The chat page's conversation: it answers, again and anew, keeps what was said here, and says how full it is. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { ChatPage, TINY } from "./harness/chat-page.js";
import { hasChromium } from "./harness/chromium.js";
import { useChromium } from "./harness/use-chromium.js";

describe.skipIf(!hasChromium)("a conversation on the chat page", () => {
  const site = useChromium({ root: join(ROOT, "dist") });
  let chat: ChatPage;

  beforeAll(async () => {
    chat = await ChatPage.open(site);
    await chat.openFile(TINY);
  });
  afterAll(() => chat?.close());

  const meter = () => chat.page.locator("#context-meter").evaluate((found: HTMLMeterElement) => found.value);
  const used = async () => {
    const [, used = "", window = ""] =
      /^([\d,]+) of ([\d,]+) tokens$/.exec(await chat.text("#context-text")) ?? [];
    return { used: Number(used.replace(",", "")), window: Number(window.replace(",", "")) };
  };

  it("answers, and says how fast and how full it is", async () => {
    expect(await chat.text("#speed")).toBe("not measured yet");
    expect(await meter()).toBe(0);
    await chat.ask("Hello");
    const [question, answer] = await chat.words();
    expect(question).toBe("Hello");
    expect(answer).not.toBe("");
    expect(await chat.text("#speed")).toMatch(/^[1-9][\d,.]* tokens a second$/);
    const first = await used();
    expect(first.used).toBeGreaterThan(10);
    expect(first.window).toBe(2048);
    expect(await meter()).toBeCloseTo(first.used / first.window, 5);
    await chat.ask("And again?");
    expect((await used()).used).toBeGreaterThan(first.used);
    expect(await chat.page.isVisible("#opening")).toBe(false);
  });

  it("makes another answer, by the model", async () => {
    const before = await chat.words();
    const prompts = await chat.prompts();
    await chat.mark('#log > li:last-child[data-role="assistant"]');
    await chat.page.click("#log .regenerate:visible");
    await chat.page.waitForSelector(
      '#log > li:last-child[data-role="assistant"]:not([data-writing], [data-marked])',
    );
    await chat.talk("idle");
    expect(await chat.prompts()).toBe(prompts + 1);
    expect(await chat.marked()).toBe(false);
    const after = await chat.words();
    expect(after).toHaveLength(before.length);
    expect(after.slice(0, -1)).toEqual(before.slice(0, -1));
    expect(after.at(-1)).not.toBe(before.at(-1));
  });

  it("answers an edited question, and drops what came after it", async () => {
    const before = await chat.words();
    const prompts = await chat.prompts();
    await chat.page.locator("#log > li").first().getByRole("button", { name: "Edit" }).click();
    expect(await chat.page.inputValue("#log textarea")).toBe("Hello");
    await chat.page.fill("#log textarea", "Good evening");
    await chat.page.click('#log button:text("Send")');
    await chat.page.waitForFunction(
      () => document.querySelectorAll("#log > li:not([data-writing])").length === 2,
    );
    await chat.talk("idle");
    const after = await chat.words();
    expect(after).toHaveLength(2);
    expect(after[0]).toBe("Good evening");
    expect(after[1]).not.toBe(before[1]);
    expect(await chat.prompts()).toBe(prompts + 1);
  });

  it("leaves a message alone whose edit is called off", async () => {
    const before = await chat.words();
    const prompts = await chat.prompts();
    await chat.page.click('#log button:text("Edit")');
    await chat.page.fill("#log textarea", "Something else");
    await chat.page.click('#log button:text("Cancel")');
    expect(await chat.words()).toEqual(before);
    expect(await chat.prompts()).toBe(prompts);
  });

  it.each([
    [0, "question"],
    [1, "answer"],
  ])("copies a message: %i, the %s", async (at) => {
    const kept = await chat.kept();
    await chat.page.evaluate(() => navigator.clipboard.writeText("something else"));
    await chat.page.locator("#log > li").nth(at).getByRole("button", { name: "Copy" }).click();
    await chat.page.locator("#log > li").nth(at).getByRole("button", { name: "Copied" }).waitFor();
    expect(await chat.page.evaluate(() => navigator.clipboard.readText())).toBe(kept?.[at]?.content);
  });

  it("keeps the conversation for the next visit", async () => {
    const before = await chat.words();
    expect((await chat.kept())?.map(({ role }) => role)).toEqual(["user", "assistant"]);
    await chat.page.reload();
    expect(await chat.words()).toEqual(before);
    await chat.openFile(TINY);
    await chat.ask("Do you remember?");
    expect((await chat.words()).slice(0, 2)).toEqual(before);
  });

  it("reads a long conversation once, also for another answer", async () => {
    await chat.comeBack([
      { role: "user", content: "What do you see? ".repeat(15) },
      { role: "assistant", content: "The sea, and the sky above it. ".repeat(10) },
    ]);
    await chat.openFile(TINY);
    await chat.ask("And now?");
    const [{ promptTokens = 0, reusedTokens = 0 } = {}, ...others] = await chat.readings();
    expect([others, reusedTokens]).toEqual([[], 0]);
    expect(promptTokens).toBeGreaterThan(200);
    await chat.ask("And then?");
    await chat.mark("#log > li:last-child");
    await chat.page.click("#log .regenerate:visible");
    await chat.page.waitForSelector("#log > li:last-child:not([data-writing], [data-marked])");
    const again = await chat.readings();
    expect(again).toHaveLength(2);
    for (const reading of again) expect(reading.reusedTokens).toBeGreaterThanOrEqual(promptTokens - 4);
  });

  it.each(["#new-chat", "#erase"])("begins anew with %s, and keeps nothing of what was", async (button) => {
    await chat.ask("Hello");
    await chat.page.click(button);
    expect(await chat.words()).toEqual([]);
    expect(await chat.page.evaluate(() => localStorage.length)).toBe(0);
    expect(await chat.page.isVisible("#opening")).toBe(true);
    expect(await chat.focus()).toBe("prompt");
    expect((await used()).used).toBe(0);
    await chat.page.reload();
    expect(await chat.words()).toEqual([]);
    await chat.openFile(TINY);
  });

  it("puts a suggestion into the field, to be sent or changed", async () => {
    const chip = chat.page.locator("#starters button").first();
    const text = await chip.innerText();
    await chip.click();
    expect(await chat.page.inputValue("#prompt")).toBe(text);
    expect(await chat.focus()).toBe("prompt");
    expect(await chat.words()).toEqual([]);
  });

  it("refuses a message that is too long, leaves it to be changed, and goes on without it", async () => {
    const long = "word ".repeat(3000).trim();
    await chat.say(long);
    await chat.talk("failed");
    expect(await chat.text("#trouble-what")).toBe("The message is too long for the model.");
    expect(await chat.words()).toEqual([long]);
    await chat.ask("Something short");
    expect(await chat.page.isVisible("#trouble")).toBe(false);
    const [first, second, answer] = await chat.words();
    expect([first, second]).toEqual([long, "Something short"]);
    expect(answer).not.toBe("");
    const left = chat.page.locator("#log > li").first();
    expect(await left.locator(".turn-unheard").isVisible()).toBe(true);
    expect(await chat.page.locator("#log > li").nth(1).locator(".turn-unheard").isVisible()).toBe(false);
    await left.getByRole("button", { name: "Edit" }).click();
    await chat.page.fill("#log textarea", "Shortened");
    await chat.page.press("#log textarea", "Enter");
    await chat.page.waitForFunction(
      () => document.querySelectorAll("#log > li:not([data-writing])").length === 2,
    );
    await chat.talk("idle");
    expect((await chat.words())[0]).toBe("Shortened");
  });

  it("says when the model no longer sees the oldest messages, until the conversation is erased", async () => {
    expect(await chat.page.isVisible("#overflow")).toBe(false);
    for (let i = 0; i < 8 && !(await chat.page.isVisible("#overflow")); i++) {
      await chat.ask(`${i} ${"more to read ".repeat(50)}`);
    }
    expect(await chat.page.isVisible("#overflow")).toBe(true);
    await chat.page.click("#erase");
    expect(await chat.page.isVisible("#overflow")).toBe(false);
    await chat.ask("Hello");
    expect(await chat.page.isVisible("#overflow")).toBe(false);
  });

  it("sends nothing, and breaks no rule of its policy", () => {
    expect(site.server.requests.filter(({ method, hasBody }) => method !== "GET" || hasBody)).toEqual([]);
    expect(site.server.violations).toEqual([]);
    expect(chat.errors).toEqual([]);
  });
});
