/** What both pages show between the end of a download and the model's being ready. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { TINY } from "./harness/chat-page.js";
import { hasChromium } from "./harness/chromium.js";
import { useChromium } from "./harness/use-chromium.js";

/** What the model's card showed: its sentence, and the bar's name and value. */
interface Shown {
  sentence: string;
  name: string | null;
  value: number;
}

declare global {
  var shown: Shown[];
}

/** Runs in a page: notes whatever the card shows from now on. */
function watchCard(): void {
  globalThis.shown = [];
  const [sentence, bar] = ["#model-state", "#model-progress"].map((id) => document.querySelector(id));
  if (!sentence || !(bar instanceof HTMLProgressElement)) return;
  new MutationObserver(() =>
    globalThis.shown.push({
      sentence: sentence.textContent ?? "",
      name: bar.getAttribute("aria-label"),
      value: bar.position,
    }),
  ).observe(sentence, { childList: true, characterData: true, subtree: true });
}

describe.skipIf(!hasChromium)("the pages, while a model is prepared", () => {
  const site = useChromium({ root: join(ROOT, "dist") });

  it.each([
    ["index.html", (page) => page.click("#load-model")],
    ["chat.html", (page) => page.setInputFiles("#model-input", TINY)],
  ] satisfies [string, (page: typeof site.opened.page) => Promise<void>][])(
    "%s says how far that has come, in words and by its bar",
    async (path, load) => {
      const { page, context } = await site.chromium.open(site.server, path);
      await page.waitForSelector('body[data-model="absent"]', { state: "attached" });
      await page.evaluate(watchCard);
      await load(page);
      await page.waitForSelector('body[data-model="ready"]', { state: "attached", timeout: 60_000 });
      const shown = (await page.evaluate(() => globalThis.shown)).filter(({ sentence }) =>
        sentence.includes("Preparing"),
      );
      expect(shown.length).toBeGreaterThan(1);
      expect(new Set(shown.map(({ name }) => name))).toEqual(new Set(["Model preparation"]));
      expect(shown.at(-1)?.sentence).toContain("Preparing: 100 %");
      const values = shown.map(({ value }) => value);
      expect([values[0], values.at(-1)]).toEqual([-1, 1]);
      expect(values).toEqual([...values].sort((a, b) => a - b));
      await context.close();
    },
  );
});
