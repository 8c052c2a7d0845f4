/** The demo reads every kind of file that it says it reads, and runs and fetches nothing of what is in them. */
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../web/stage.mjs";
import { hasChromium } from "./harness/chromium.js";
import { useChromium } from "./harness/use-chromium.js";

const FILES = {
  "boiler.html": `<!doctype html><title>Boiler</title><style>p { background: url("/style.png") }</style>
    <script>document.documentElement.dataset.ran = "yes"</script>
    <h1>Boiler</h1><p onclick="0">Bleed the radiators before the first frost.<img src="/pixel.png" onerror="document.documentElement.dataset.ran = 'yes'">
    <table><tr><th>Part</th><th>Interval</th></tr><tr><td>Filter</td><td>Every second spring</td></tr></table>
    <iframe src="/frame.html"></iframe>`,
  "birds.csv": "bird,song\nwren,very loud for its size\nowl,heard on still nights",
  "bees.json": JSON.stringify({ hive: { queen: "marked with a blue dot", frames: ["honey", "brood"] } }),
  "canal.md": "# Canal\n\n## Locks\n\nClose the lower gates before the paddles are opened.",
  "stars.txt": "The red star low in the south is Antares.",
  "photo.png": "\u0089PNG\r\n\u001a\n\u0000\u0000\u0000",
};

/** A question, and what the best passage for it has to contain: the file and its words. */
const QUESTIONS = [
  ["when should air be let out of the heating", "boiler.html", "Bleed the radiators"],
  ["how often to change the heating filter", "boiler.html", "Every second spring"],
  ["which small bird sings loudly", "birds.csv", "very loud for its size"],
  ["how do I recognise the queen bee", "bees.json", "marked with a blue dot"],
  ["order of gates and paddles in a lock", "canal.md", "Close the lower gates"],
  ["name of the reddish star", "stars.txt", "Antares"],
] as const;

describe.skipIf(!hasChromium)("the demo", () => {
  const site = useChromium({ root: join(ROOT, "dist") });

  beforeAll(async () => {
    const { page } = site.opened;
    const files = Object.entries(FILES).map(([name, text]) => ({
      name,
      mimeType: "application/octet-stream",
      buffer: Buffer.from(text),
    }));
    await page.setInputFiles("#file-input", files);
    await page.waitForSelector('body[data-model="ready"][data-indexer="idle"]', { timeout: 60_000 });
  });

  it.each(QUESTIONS)("answers: %s", async (question, file, words) => {
    const { page } = site.opened;
    await page.fill("#query", question);
    const best = page.locator("#results > li").first();
    await expect.poll(() => best.textContent(), { timeout: 30_000 }).toContain(words);
    expect(await best.textContent()).toContain(file);
  });

  it("says what ran", async () => {
    const { page } = site.opened;
    await page.click("#what-ran summary");
    const rows = await page.locator("#provenance > div").allTextContents();
    expect(rows.find((row) => row.startsWith("File"))).toContain(
      "SHA-256 263215c3cadd6e16740741a7624ab4cbb6c8e777688bd5331ecfbf5681c2f8ed",
    );
    expect(rows.find((row) => row.startsWith("Wasm"))).toMatch(
      /inglenook_cpu_\w+\.wasmSHA-256 [0-9a-f]{64}$/,
    );
  });

  it("says which file it did not read", async () => {
    expect(await site.opened.page.textContent("#skipped-list")).toContain("photo.png");
  });

  it("runs and fetches nothing that a file names", async () => {
    const ran = await site.opened.page.evaluate(() => document.documentElement.getAttribute("data-ran"));
    expect(ran).toBeNull();
    expect(site.server.paths.filter((path) => /style\.png|pixel\.png|frame\.html/.test(path))).toEqual([]);
    // The parser asks the policy about inline code even in a document that is never shown; nothing else came up.
    const blocked = site.server.violations.map((report) => JSON.parse(report)["csp-report"]["blocked-uri"]);
    expect(blocked.filter((address) => address !== "inline")).toEqual([]);
    expect(site.opened.errors).toEqual([]);
  });
});
