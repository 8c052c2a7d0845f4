import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { ROOT } from "../../../web/stage.mjs";
import { SMOL } from "./chats.js";
import type { Site } from "./use-chromium.js";

/** A model so small that it answers at once, and says nothing sensible. */
export const TINY = join(ROOT, "tests/golden/tiny-llama/model-q8_0.gguf");
const SMOL_FILE = `${SMOL}/SmolLM2-135M-Instruct.Q4_1.gguf`;
/** The page's own model, on disk, and where its page asks for it. */
export const OWN = join(ROOT, "models/weights", SMOL_FILE);
export const OWN_PATH = `/models/${SMOL_FILE}`;

// What is noted in the page: what was asked of workers, the workers themselves, and what they say of their reading.
declare global {
  var asked: string[];
  var workers: Worker[];
  var readings: Reading[];
}

/** Of a conversation that was answered: its tokens, and how many of them the model had read before. */
export interface Reading {
  promptTokens: number;
  reusedTokens: number;
}

/** Notes what passes between the page and the package's workers; nothing of the page is changed by it. */
function watchWorkers(): void {
  globalThis.asked = [];
  globalThis.workers = [];
  globalThis.readings = [];
  const listen = (worker: Worker) => {
    globalThis.workers.push(worker);
    worker.addEventListener("message", ({ data }: MessageEvent<{ result?: Partial<Reading> }>) => {
      const { promptTokens, reusedTokens } = data.result ?? {};
      if (promptTokens !== undefined && reusedTokens !== undefined) {
        globalThis.readings.push({ promptTokens, reusedTokens });
      }
    });
  };
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, message: { kind: string }, ...rest: unknown[]) {
    globalThis.asked.push(message.kind);
    if (!globalThis.workers.includes(this)) listen(this);
    return Reflect.apply(postMessage, this, [message, ...rest]);
  };
}

/** The chat page, as a person uses it. */
export class ChatPage {
  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    /** Errors that nothing caught. */
    readonly errors: string[],
  ) {}

  /** Opens the page in a profile of its own. */
  static async open(
    { chromium, server }: Pick<Site, "chromium" | "server">,
    path = "chat.html",
    serviceWorkers: "allow" | "block" = "block",
  ): Promise<ChatPage> {
    const prepare = async (context: BrowserContext) => {
      await context.addInitScript(watchWorkers);
      await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    };
    const { page, context, errors } = await chromium.open(server, path, prepare, serviceWorkers);
    return new ChatPage(page, context, errors);
  }

  /** Waits until a model is in this phase. */
  async model(phase: string): Promise<void> {
    await this.page.waitForSelector(`body[data-model="${phase}"]`, { state: "attached", timeout: 60_000 });
  }

  /** Waits until the talk is in this phase. */
  async talk(phase: string): Promise<void> {
    await this.page.waitForSelector(`body[data-talk="${phase}"]`, { state: "attached", timeout: 60_000 });
  }

  /** Comes back to the page with this conversation kept from before. */
  async comeBack(turns: readonly { role: "user" | "assistant"; content: string }[]): Promise<void> {
    await this.page.evaluate((text) => localStorage.setItem("inglenook-chat", text), JSON.stringify(turns));
    await this.page.reload();
  }

  async openFile(path: string): Promise<void> {
    await this.page.setInputFiles("#model-input", path);
    await this.model("ready");
  }

  /** Drops a file on the page, as a browser does; `true` if the page took it. */
  drop(name: string, bytes: Uint8Array): Promise<{ veiled: boolean; taken: boolean }> {
    const encoded = Buffer.from(bytes).toString("base64");
    return this.page.evaluate(
      ([name, encoded]) => {
        const file = new File([Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0))], name);
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(file);
        const fire = (type: string) =>
          !document.body.dispatchEvent(
            new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }),
          );
        fire("dragenter");
        const veiled = document.body.hasAttribute("data-dragging");
        return { veiled, taken: fire("dragover") && fire("drop") };
      },
      [name, encoded] as const,
    );
  }

  /** Writes a message and sends it. */
  async say(text: string): Promise<void> {
    await this.page.fill("#prompt", text);
    await this.page.press("#prompt", "Enter");
  }

  /** Says something and waits until it is answered. */
  async ask(text: string): Promise<void> {
    const before = (await this.words()).length;
    await this.say(text);
    await this.page.waitForFunction(
      (count) => document.querySelectorAll("#log > li:not([data-writing])").length === count,
      before + 2,
      { timeout: 60_000 },
    );
    await this.talk("idle");
  }

  /** Says something and waits for the beginning of an answer, which is stopped there if it has not ended yet. */
  async askBriefly(text: string): Promise<void> {
    const before = (await this.words()).length;
    await this.say(text);
    await this.page.waitForFunction(
      (count) =>
        document.querySelectorAll("#log > li").length === count &&
        document.querySelector("#log > li:last-child .turn-words")?.textContent !== "",
      before + 2,
      { timeout: 60_000 },
    );
    await this.page.keyboard.press("Escape");
    await this.talk("idle");
  }

  /** The messages as they are read, without what is around them. */
  words(): Promise<string[]> {
    return this.page.locator("#log > li:not([data-writing]) .turn-words").allTextContents();
  }

  text(selector: string): Promise<string> {
    return this.page.locator(selector).innerText();
  }

  /** How many answers the model was asked for since the page was opened. */
  prompts(): Promise<number> {
    return this.page.evaluate(() => globalThis.asked.filter((kind) => kind === "chat-prompt").length);
  }

  /** How the conversation was read since this was last asked. */
  readings(): Promise<Reading[]> {
    return this.page.evaluate(() => globalThis.readings.splice(0));
  }

  /** The conversation that the browser keeps. */
  kept(): Promise<{ role: string; content: string }[] | null> {
    return this.page.evaluate(() => JSON.parse(localStorage.getItem("inglenook-chat") ?? "null"));
  }

  /** What has the focus, in a word or two. */
  focus(): Promise<string> {
    return this.page.evaluate(() => {
      const found = document.activeElement;
      return found?.id || found?.textContent?.trim() || (found?.localName ?? "");
    });
  }

  /** Sets a mark on an element; `marked` tells whether it is still in the page. */
  async mark(selector: string): Promise<void> {
    await this.page
      .locator(selector)
      .first()
      .evaluate((element) => element.setAttribute("data-marked", ""));
  }

  async marked(): Promise<boolean> {
    return (await this.page.locator("[data-marked]").count()) > 0;
  }

  /** Ends the page's workers as the browser does with one that crashed. */
  async crashWorkers(): Promise<void> {
    await this.page.evaluate(() => {
      for (const worker of globalThis.workers)
        worker.dispatchEvent(new ErrorEvent("error", { message: "gone" }));
    });
  }

  close(): Promise<void> {
    return this.context.close();
  }
}

export const bytesOf = (path: string): Uint8Array => readFileSync(path);
