import { rmSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { tinyChats } from "../browser/harness/chats.js";
import { largestDifference, normalised, tinyBert } from "../browser/harness/goldens.js";
import { App } from "./harness/app.js";
import { CHAT_FILE, CHAT_KEY, putModels } from "./harness/models.js";

let app: App;
afterEach(() => app?.remove());

/** Puts the tiny models into the app's folder, and what to do with them into `task.json`; returns what is to come out. */
function prepare(): { vectors: Float32Array[]; answer: string } {
  const model = putModels(app);
  const golden = normalised(tinyBert("tiny-bert-cls", "model-f32.gguf"));
  const [chat] = tinyChats();
  if (!chat) throw new Error("There is no golden chat.");
  const task = {
    // From `models/` in the working directory, as a page takes them from `models/` beside the document.
    embed: { options: { model }, texts: golden.texts },
    chat: {
      options: { model: CHAT_FILE, publicKey: CHAT_KEY, temperature: 0, maxTokens: chat.tokens },
      messages: chat.messages,
    },
  };
  writeFileSync(app.path("task.json"), JSON.stringify(task));
  return { vectors: golden.vectors, answer: chat.answer };
}

// Deno may read files, and nothing else: no network.
describe.each(["node", "deno"])("the packed package under %s", (name) => {
  it("computes on the CPU from files, and lets the process end", async () => {
    app = await App.install(name);
    const golden = prepare();
    const { stdout } = await app.run("npm", "run", "--silent", "compute", "task.json");
    const { vectors, answer } = JSON.parse(stdout);
    expect(largestDifference(vectors, golden.vectors)).toBeLessThan(1e-5);
    expect(answer).toBe(golden.answer);
  });
});

describe("the packed package where no page is", () => {
  it("says which file it misses, of a model and of its own", async () => {
    app = await App.install("node");
    const script = `const { Embedder } = await import("inglenook");
      await Embedder.create({ modelHost: "nowhere" }).catch(({ code, detail }) => console.log(code, detail));`;
    const missing = await app.run("node", "--input-type=module", "-e", script);
    expect(missing.stdout).toMatch(
      /^http-status file:.*\/nowhere\/all-minilm-l6-v2-q8_0\/all-MiniLM-L6-v2-Q8_0.gguf\n$/,
    );
    rmSync(app.path("node_modules/inglenook/web/dist/worker.js"));
    const broken = await app.run("node", "--input-type=module", "-e", script);
    expect(broken.stdout).toMatch(/^worker /);
  });

  it("does nothing when it is imported", async () => {
    app = await App.install("node");
    const script = `const before = Object.getOwnPropertyNames(globalThis);
      const exported = Object.keys(await import(process.argv[1]));
      const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name));
      console.log(JSON.stringify({ exported, added, active: process.getActiveResourcesInfo() }));`;
    for (const entry of ["inglenook", app.url("node_modules/inglenook/web/dist/index.js")]) {
      const { stdout } = await app.run("node", "--input-type=module", "-e", script, entry);
      const { exported, added, active } = JSON.parse(stdout);
      expect(exported).toContain("Embedder");
      expect(added).toEqual([]);
      expect(active.join(" ")).not.toMatch(/Worker|MessagePort|Timeout|TCP/);
    }
  });
});
