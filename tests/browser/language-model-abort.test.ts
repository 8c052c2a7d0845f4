import { describe, expect, it } from "vitest";
import { tinyLlama } from "./harness/chats.js";
import { hasChromium } from "./harness/chromium.js";
import { hostModel } from "./harness/models.js";
import "./harness/page.js";
import { NOT_ISOLATED } from "./harness/server.js";
import { useChromium } from "./harness/use-chromium.js";

/** What the test leaves in the page between two scripts. */
interface Held {
  abort: AbortController;
  outcome: ReturnType<typeof outcomeOf>;
  count(): Promise<number>;
}

/** Has the worker, on one thread, ask the server before each step of an answer, and do nothing until it is answered. */
const ASKING = `${NOT_ISOLATED}
import(new URL("./inglenook_cpu_relaxed.js", import.meta.url).href).then(({ ChatModel }) => {
  const { plan } = ChatModel.prototype;
  ChatModel.prototype.plan = function (...given) {
    const job = plan.apply(this, given);
    const { step } = job;
    job.step = function (...given) {
      const request = new XMLHttpRequest();
      request.open("GET", "/step", false);
      request.send();
      return step.apply(this, given);
    };
    return job;
  };
});`;

describe.skipIf(!hasChromium)("an abort", () => {
  const site = useChromium({ fresh: true });
  const steps = () => site.server.paths.filter((path) => path === "/step").length;

  /** Answers every step at once but the one of this number: gives how to let go of it once it has come. */
  function holdStep(number: number): Promise<() => void> {
    const before = steps();
    return new Promise((resolve) => {
      site.server.answer("/step", (response) => {
        const go = () => void response.writeHead(204).end();
        if (steps() - before === number) resolve(go);
        else go();
      });
    });
  }

  it.each([
    ["reads", "the cat tells a story ".repeat(60), 2],
    ["writes", "blue to", 12],
  ])("that comes in a step while the model %s takes effect after it", async (_, prompt, number) => {
    site.server.setPrelude(ASKING);
    const model = hostModel(site.server, { "model.gguf": tinyLlama("model-q8_0.gguf") });
    const held = holdStep(number);
    const before = steps();
    await site.opened.page.evaluate(
      async ([model, prompt]) => {
        const options = { model, device: "cpu", temperature: 0, maxTokens: 200 } as const;
        const session = await inglenook.LanguageModel.create(options);
        const abort = new AbortController();
        const outcome = outcomeOf(session.prompt(prompt, { signal: abort.signal }));
        Object.assign(globalThis, { abort, outcome, count: () => session.measureContextUsage("x") });
      },
      [model, prompt] as const,
    );
    const letGo = await held;
    const outcome = await site.opened.page.evaluate(() => {
      const { abort, outcome } = globalThis as unknown as Held;
      abort.abort();
      return outcome;
    });
    letGo();
    const counted = await site.opened.page.evaluate(() => (globalThis as unknown as Held).count());
    expect(outcome).toMatchObject({ ok: false, name: "AbortError" });
    expect(counted).toBeGreaterThan(0);
    expect(steps() - before).toBe(number);
  });
});
