/** The chat page without a mouse, without sight, and in the dark. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { ChatPage, OWN, TINY } from "./harness/chat-page.js";
import { hasChromium } from "./harness/chromium.js";
import { lowestContrast, visibleFocus } from "./harness/looks.js";
import { useChromium } from "./harness/use-chromium.js";

declare global {
  var announced: string[];
}

describe.skipIf(!hasChromium)("the chat page for everyone", () => {
  const site = useChromium({ root: join(ROOT, "dist") });
  let chat: ChatPage;

  beforeAll(async () => {
    chat = await ChatPage.open(site);
  });
  afterAll(() => chat?.close());

  const press = (key: string) => chat.page.keyboard.press(key);
  /** Presses a key until that has the focus, which has to be visible all the way. */
  async function moveTo(wanted: string, key = "Tab"): Promise<void> {
    for (let left = 60; left > 0; left--) {
      await press(key);
      const focus = await chat.focus();
      expect([focus, await chat.page.evaluate(visibleFocus)]).toEqual([focus, true]);
      if (focus === wanted) return;
    }
    throw new Error(`The focus never comes to ${wanted}.`);
  }
  const answered = async (messages: number) => {
    await chat.page.waitForFunction(
      (count) => document.querySelectorAll("#log > li:not([data-writing])").length === count,
      messages,
    );
    await chat.talk("idle");
  };

  it("needs no mouse", async () => {
    await moveTo("prompt");
    await chat.page.setInputFiles("#model-input", TINY);
    await chat.model("ready");
    await chat.page.keyboard.type("Hello");
    await press("Shift+Enter");
    await chat.page.keyboard.type("there");
    await press("Enter");
    await answered(2);
    expect((await chat.words())[0]).toBe("Hello\nthere");
    expect(await chat.focus()).toBe("prompt");

    const prompts = await chat.prompts();
    await moveTo("Regenerate", "Shift+Tab");
    await press("Enter");
    await chat.page.waitForFunction(
      (count) => globalThis.asked.filter((kind) => kind === "chat-prompt").length === count,
      prompts + 1,
    );
    await answered(2);
    // The focus is on the new answer, and its buttons are next.
    expect(await chat.page.evaluate(() => document.activeElement?.matches("#log > li:last-child"))).toBe(
      true,
    );
    await moveTo("Copy");
    await moveTo("Edit", "Shift+Tab");
    await press("Enter");
    await press("Escape");
    expect(await chat.focus()).toBe("Edit");
    await press("Enter");
    await press("ControlOrMeta+a");
    await chat.page.keyboard.type("Good night");
    await press("Enter");
    await answered(2);
    expect((await chat.words())[0]).toBe("Good night");

    await moveTo("new-chat");
    await press("Enter");
    expect(await chat.words()).toEqual([]);
    expect(await chat.focus()).toBe("prompt");
  });

  it("lets an answer grow in place, where everything can be reached", async () => {
    await chat.openFile(OWN);
    await chat.say("Tell me a long story about a lighthouse.");
    await chat.page.waitForSelector("#log [data-writing] p");
    await chat.mark("#log [data-writing]");
    await chat.page
      .locator("#log [data-writing] p")
      .first()
      .evaluate((p) => p.setAttribute("data-marked", ""));
    expect(await chat.page.getAttribute("#log [data-writing]", "aria-busy")).toBe("true");
    expect(
      await chat.page.locator("[aria-hidden='true'] :is(a, button, input, textarea, [tabindex])").count(),
    ).toBe(0);
    expect(await chat.page.locator("#log[aria-hidden], #log [aria-hidden]").count()).toBe(0);
    await chat.page.waitForFunction(
      () => (document.querySelector("[data-writing]")?.textContent?.length ?? 0) > 120,
    );
    await press("Escape");
    await chat.talk("idle");
    expect(await chat.page.locator("#log > li:last-child[data-marked] p[data-marked]").count()).toBe(1);
    expect(await chat.page.locator("#log [aria-busy]").count()).toBe(0);
    // It is in sight, with the field below it.
    const bottom = await chat.page
      .locator("#prompt")
      .evaluate((field) => field.getBoundingClientRect().bottom);
    expect(bottom).toBeLessThanOrEqual(await chat.page.evaluate(() => innerHeight));
  });

  it("announces an answer once, when it is whole, and nothing of it before", async () => {
    await chat.page.click("#new-chat");
    await chat.page.waitForFunction(
      () => document.querySelector("#announcer")?.textContent === "A new conversation.",
    );
    await chat.page.evaluate(() => {
      const region = document.querySelector("#announcer");
      globalThis.announced = [];
      if (region === null) return;
      new MutationObserver(() => globalThis.announced.push(region.textContent ?? "")).observe(region, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    await chat.say("Tell me a long story about a lighthouse.");
    await chat.page.waitForFunction(
      () => (document.querySelector("[data-writing]")?.textContent?.length ?? 0) > 300,
    );
    expect(await chat.page.evaluate(() => globalThis.announced)).toEqual([]);
    await press("Escape");
    await chat.talk("idle");
    await chat.page.waitForFunction(() => globalThis.announced.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const answer = (await chat.kept())?.[1]?.content;
    expect(await chat.page.evaluate(() => globalThis.announced)).toEqual([answer]);
    expect(await chat.page.getAttribute("#announcer", "aria-live")).toBe("polite");
    expect(await chat.page.locator("[aria-live]").count()).toBe(1);
  });

  it("can be read in the light and in the dark, whatever it shows", async () => {
    await chat.openFile(TINY);
    await chat.say("x ".repeat(6000));
    await chat.talk("failed");
    await chat.page.click("#new-chat");
    await chat.comeBack([
      { role: "user", content: "A question" },
      { role: "assistant", content: "Use **this**, or `that`:\n\n```js\nlet a;\n```\nDone." },
      { role: "user", content: "One that was stopped" },
      { role: "user", content: "The last one" },
    ]);
    expect(await chat.words()).toHaveLength(4);
    await chat.page.evaluate(() => {
      for (const hidden of document.querySelectorAll("main [hidden]")) hidden.removeAttribute("hidden");
      for (const details of document.querySelectorAll("details")) details.open = true;
    });
    const looks = [];
    for (const colorScheme of ["light", "dark"] as const) {
      await chat.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const lowest = await chat.page.evaluate(lowestContrast);
      expect(lowest.measured).toBeGreaterThan(40);
      expect(lowest.ratio, lowest.what).toBeGreaterThanOrEqual(4.5);
      looks.push(
        await chat.page.evaluate(() => {
          const { color, backgroundColor } = getComputedStyle(document.body);
          return { color, backgroundColor };
        }),
      );
    }
    const [light, dark] = looks;
    expect(light?.color).not.toBe(dark?.color);
    expect(light?.backgroundColor).not.toBe(dark?.backgroundColor);
  });

  it("fits a narrow window", async () => {
    await chat.page.setViewportSize({ width: 320, height: 640 });
    expect(await chat.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  });
});
