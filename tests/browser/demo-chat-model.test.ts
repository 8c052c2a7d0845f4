/** The chat page's model: its own or one from disk, stopped in the middle, lost and loaded again, and offline. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { hashOf } from "../unit/signature/make.js";
import { bytesOf, ChatPage, OWN, OWN_PATH, TINY } from "./harness/chat-page.js";
import { hasChromium } from "./harness/chromium.js";
import { dripping } from "./harness/replies.js";
import { useChromium } from "./harness/use-chromium.js";

const STORY = "Tell me a very long story about a lighthouse and a cat.";

describe.skipIf(!hasChromium)("the chat page's model", () => {
  const site = useChromium({ root: join(ROOT, "dist") });
  let chat: ChatPage;

  beforeAll(async () => {
    chat = await ChatPage.open(site);
  });
  afterAll(() => chat?.close());

  const weightsAskedFor = () => site.server.paths.filter((path) => path.endsWith(".gguf"));

  it("is fetched when it is asked for, and not before", async () => {
    await chat.model("absent");
    expect(await chat.text("#load-model")).toBe("Load the model (98 MB)");
    expect(await chat.page.isVisible("#own-model")).toBe(false);
    expect(weightsAskedFor()).toEqual([]);
  });

  it("may be a file from disk, for which nothing is fetched", async () => {
    await chat.openFile(TINY);
    expect(await chat.text("#model-name")).toBe("model-q8_0.gguf");
    expect(await chat.text("#fetched")).toBe("0 bytes, the model is your own file");
    expect(weightsAskedFor()).toEqual([]);
  });

  it("says what ran, to whoever has a keyboard, and hands it over as JSON", async () => {
    const { page } = chat;
    expect(await page.isVisible("#provenance")).toBe(false);
    await page.focus("#what-ran summary");
    await page.keyboard.press("Enter");
    const hash = hashOf(bytesOf(TINY));
    expect(await page.locator("#provenance").ariaSnapshot()).toContain("model-q8_0.gguf");
    expect(await chat.text("#provenance")).toContain(`SHA-256 ${hash}`);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator("#copy-provenance", { hasText: "Copied" }).waitFor();
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    expect(copied).toMatchObject({ address: null, files: [{ sha256: hash }], device: { kind: "cpu" } });
    await page.locator("#copy-provenance", { hasText: "Copy as JSON" }).waitFor();
    await page.focus("#what-ran summary");
    await page.keyboard.press("Enter");
  });

  it("says where it runs, and why there", async () => {
    const hasApi = await chat.page.evaluate(() => "gpu" in navigator);
    const reason = hasApi
      ? "the browser found no graphics processor to use"
      : "this browser offers no WebGPU";
    expect(await chat.text("#device")).toBe(`your CPU: ${reason}`);
    await chat.page.click("#device-choice summary");
    await chat.page.click('input[name="device"][value="cpu"]');
    await chat.page.waitForFunction(
      () => document.querySelector("#device")?.textContent === "your CPU, as chosen",
    );
    await chat.page.click('input[name="device"][value="webgpu"]');
    await chat.model("failed");
    expect(await chat.text("#model-state")).toBe("There is no usable graphics processor (WebGPU) here.");
    await chat.page.click('input[name="device"][value="auto"]');
    await chat.model("ready");
  });

  it("may be dropped on the page", async () => {
    expect(await chat.drop("dropped.gguf", bytesOf(TINY))).toEqual({ veiled: true, taken: true });
    await chat.page.waitForFunction(
      () => document.querySelector("#model-name")?.textContent === "dropped.gguf",
    );
    await chat.model("ready");
    expect(await chat.page.evaluate(() => document.body.hasAttribute("data-dragging"))).toBe(false);
    await chat.ask("Hello");
    expect((await chat.words())[1]).not.toBe("");
  });

  it("may be a file that is none: it says so, and goes back", async () => {
    await chat.drop("notes.gguf", Buffer.from("no model at all"));
    await chat.model("failed");
    expect(await chat.text("#model-state")).toBe("The model file is damaged.");
    await chat.page.click("#own-model");
    await chat.model("absent");
    expect(await chat.text("#model-name")).toBe("SmolLM2 135M Instruct");
    expect(await chat.text("#load-model")).toBe("Load the model (98 MB)");
    expect(await chat.page.isVisible("#own-model")).toBe(false);
    expect(weightsAskedFor()).toEqual([]);
  });

  it("may be a file whose opening is called off, and is loaded again from disk", async () => {
    // A file is read in no time: the button is pressed as soon as it is there.
    await chat.page.evaluate(() => {
      const cancel = document.querySelector<HTMLButtonElement>("#cancel-model");
      const observer = new MutationObserver(() => {
        if (cancel === null || cancel.hidden) return;
        observer.disconnect();
        cancel.click();
      });
      observer.observe(document.body, { attributes: true, subtree: true });
    });
    await chat.page.setInputFiles("#model-input", OWN);
    await chat.page.waitForFunction(
      () => document.querySelector("#load-model")?.textContent === "Load it again",
    );
    await chat.model("absent");
    expect(await chat.page.isVisible("#load-model")).toBe(true);
    expect(await chat.text("#model-state")).toContain("from your disk");
    expect(await chat.page.isVisible("#own-model")).toBe(true);
    await chat.page.click("#load-model");
    await chat.model("ready");
    expect(weightsAskedFor()).toEqual([]);
  });

  it.each([
    ["the button", () => chat.page.click("#stop-answer")],
    ["Escape", () => chat.page.keyboard.press("Escape")],
  ])("is stopped in an answer with %s; what there is of it stays, and the talk goes on", async (_, stop) => {
    await chat.page.click("#new-chat");
    await chat.say(STORY);
    await chat.talk("answering");
    await chat.page.waitForFunction(
      () => (document.querySelector("[data-writing]")?.textContent?.length ?? 0) > 40,
    );
    await stop();
    await chat.talk("idle");
    const [question, answer = ""] = await chat.words();
    expect(question).toBe(STORY);
    expect(answer.length).toBeGreaterThan(10);
    expect(await chat.page.isVisible("#send")).toBe(true);
    expect(await chat.page.isVisible("#stop-answer")).toBe(false);
    expect(await chat.focus()).toBe("prompt");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(await chat.words()).toEqual([question, answer]);
    await chat.askBriefly("Is it warm there in summer?");
    expect(await chat.words()).toHaveLength(4);
  });

  it("is loaded anew after its worker has died", async () => {
    await chat.openFile(TINY);
    await chat.page.click("#new-chat");
    await chat.ask("Hello");
    await chat.crashWorkers();
    await chat.say("Are you there?");
    await chat.talk("failed");
    expect(await chat.text("#trouble-what")).toBe("The background worker that runs the model stopped.");
    await chat.page.click("#log .regenerate:visible");
    await chat.page.waitForFunction(
      () => document.querySelectorAll("#log > li:not([data-writing])").length === 4,
    );
    await chat.talk("idle");
    expect(await chat.page.isVisible("#trouble")).toBe(false);
    await chat.model("ready");
  });

  it("can be stopped while it is fetched; what was asked stays, and is answered once", async () => {
    await chat.page.click("#new-chat");
    await chat.page.click("#own-model");
    await chat.model("absent");
    site.server.answer(OWN_PATH, dripping(bytesOf(OWN), { parts: 40, everyMs: 100 }));
    await chat.say("Say hello.");
    await chat.page.waitForFunction(() =>
      /MB of/.test(document.querySelector("#waiting")?.textContent ?? ""),
    );
    expect(await chat.page.isVisible("#waiting")).toBe(true);
    await chat.page.click("#stop-answer");
    await chat.talk("idle");
    expect(await chat.page.getAttribute("body", "data-model")).toBe("fetching");
    expect(await chat.page.isVisible("#waiting")).toBe(false);
    expect(await chat.words()).toEqual(["Say hello."]);
    await chat.page.click("#new-chat");
    const prompts = await chat.prompts();
    await chat.askBriefly("Name a colour.");
    expect((await chat.words())[0]).toBe("Name a colour.");
    expect(await chat.words()).toHaveLength(2);
    expect(await chat.prompts()).toBe(prompts + 1);
    expect(weightsAskedFor()).toEqual([OWN_PATH]);
    site.server.restore(OWN_PATH);
  });

  it("answers when there is no network and no server any more", async () => {
    expect(site.server.violations).toEqual([]);
    await chat.context.setOffline(true);
    await site.server.stop();
    const prompts = await chat.prompts();
    await chat.askBriefly("What is a lighthouse?");
    expect(await chat.words()).toHaveLength(4);
    expect(await chat.prompts()).toBe(prompts + 1);
    expect(await chat.page.textContent("#requests")).toBe("0");
    expect(chat.errors).toEqual([]);
  });
});
