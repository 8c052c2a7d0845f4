import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { PLAIN } from "./harness/built-site.js";
import { ChatPage, OWN_PATH, TINY } from "./harness/chat-page.js";
import { Chromium, hasChromium } from "./harness/chromium.js";
import { FAST_TIMERS, TestServer } from "./harness/server.js";

const DIST = join(ROOT, "dist");

describe.skipIf(!hasChromium)("the demo with its service worker", () => {
  let chromium: Chromium;
  let server: TestServer;
  let root: string;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "inglenook-demo-"));
    cpSync(DIST, root, { recursive: true });
    server = await TestServer.start({ root, headers: PLAIN });
    chromium = await Chromium.launch();
  });
  afterEach(async () => {
    expect(server.violations).toEqual([]);
    await chromium.close();
    await server.stop();
    rmSync(root, { recursive: true });
  });

  const isolated = (page: Page) => page.waitForFunction(() => crossOriginIsolated);
  const offline = (page: Page, state: string) =>
    page.waitForSelector(`body[data-offline="${state}"]`, { state: "attached", timeout: 60_000 });
  const search = async (page: Page) => {
    await page.fill("#query", "my tap keeps dripping all night");
    const best = page.locator("#results > li").first();
    await expect.poll(() => best.textContent(), { timeout: 60_000 }).toContain("plumbing");
  };
  /** Puts another version on the host, and has the browser look. */
  const publish = async (page: Page) => {
    for (const name of ["index.html", "chat.html"]) {
      const text = readFileSync(join(root, name), "utf8");
      writeFileSync(join(root, name), text.replace("free software", "new software"));
    }
    execFileSync(process.execPath, [join(ROOT, "web/dist/cli.js"), "offline", root]);
    await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
    await page.waitForSelector("#update", { state: "visible" });
  };

  it("isolates an untouched page by itself, says when it works offline, and does", async () => {
    const { page, context, errors } = await chromium.open(server, "", undefined, "allow");
    await isolated(page);
    await offline(page, "not-yet");
    await page.click('#welcome [data-action="use-samples"]');
    await search(page);
    await offline(page, "ready");
    expect(await page.textContent("#offline")).toBe("Works offline");
    await server.stop();
    await page.reload();
    await page.click('#welcome [data-action="use-samples"]');
    await search(page);
    await offline(page, "ready");
    expect(await page.textContent("#fetched")).toContain("kept from before");
    await page.click('nav a[href="./chat.html"]');
    await page.waitForSelector('body[data-model="absent"]');
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(errors).toEqual([]);
    await context.close();
  });

  it("lets a page be that somebody has begun to use, and keeps the build that its model waits for", async () => {
    server.answer("/sw.js", (response) =>
      setTimeout(() => {
        response.writeHead(200, { "Content-Type": "text/javascript" });
        response.end(readFileSync(join(root, "sw.js")));
      }, 1000),
    );
    const { page, context } = await chromium.open(server, "chat.html", undefined, "allow");
    await page.click("#prompt");
    await page.keyboard.type("still here");
    await page.setInputFiles("#model-input", TINY);
    await offline(page, "ready");
    expect(await page.inputValue("#prompt")).toBe("still here");
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(false);
    await context.close();
  });

  it("goes on without a service worker that does not come, and takes it when it does", async () => {
    const held = new Promise<ServerResponse>((resolve) => server.answer("/sw.js", resolve));
    const hurry = (context: BrowserContext) => context.addInitScript(FAST_TIMERS);
    const { page, context, errors } = await chromium.open(server, "", hurry, "allow");
    await page.click('#welcome [data-action="use-samples"]');
    await search(page);
    expect(await page.getAttribute("body", "data-offline")).toBe("starting");
    (await held).writeHead(200, { "Content-Type": "text/javascript" }).end(readFileSync(join(root, "sw.js")));
    // The build that runs was fetched before.
    await offline(page, "not-yet");
    expect(await page.inputValue("#query")).not.toBe("");
    expect(errors).toEqual([]);
    await context.close();
  });

  it("announces a new version, and restarts when it is told and no answer is being written", async () => {
    const chat = await ChatPage.open({ server, chromium }, "chat.html", "allow");
    const { page } = chat;
    await isolated(page);
    server.answer(OWN_PATH, () => {});
    await chat.say("Are you there?");
    await publish(page);
    const text = () => page.textContent("#update-text");
    expect(await text()).toContain("when the answer is finished");
    expect(await page.getAttribute("#restart", "aria-disabled")).toBe("true");
    await page.evaluate(() => document.querySelector<HTMLElement>("#restart")?.click());
    await page.press("#prompt", "Escape");
    await chat.talk("idle");
    expect(await text()).toBe("A new version is there.");
    const other = await chat.context.newPage();
    await other.goto(server.url);
    await page.click("#restart");
    await expect.poll(text).toContain("Close the other tabs");
    await other.close();
    const loaded = page.waitForEvent("load");
    await page.click("#restart");
    await loaded;
    expect(await page.textContent(".foot")).toContain("new software");
    expect(await chat.words()).toEqual(["Are you there?"]);
    await expect.poll(() => page.isVisible("#update")).toBe(false);
    await chat.close();
  });

  it("says on the search page what a restart costs", async () => {
    const { page, context } = await chromium.open(server, "", undefined, "allow");
    await isolated(page);
    await publish(page);
    expect(await page.textContent("#update-text")).toBe("A new version is there.");
    await page.setInputFiles("#file-input", {
      name: "a.txt",
      mimeType: "text/plain",
      buffer: Buffer.from("A text."),
    });
    await expect.poll(() => page.textContent("#update-text")).toContain("forgets the files");
    const loaded = page.waitForEvent("load");
    await page.click("#restart");
    await loaded;
    expect(await page.textContent(".foot")).toContain("new software");
    await context.close();
  });
});
