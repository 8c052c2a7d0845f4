import { describe, expect, it } from "vitest";
import { readingPrompt, writingPrompt } from "../../bench/chat/prompts.mjs";
import { complaint, sharedStart, speedOf } from "../../bench/chat/samples.mjs";
import { ratiosToBest, sections } from "../../bench/chat/tables.mjs";
import { Report } from "../../bench/report.mjs";
import { rotated } from "../../bench/rounds.mjs";
import { render } from "../../bench/tables.mjs";

describe("prompts", () => {
  it.each([32, 128, 480, 960])(
    "of %d tokens have a word or mark for each but the template's thirty",
    (tokens) => {
      const { user, tokens: stated } = readingPrompt(tokens, 3);
      expect(user.match(/\w+|[.,]/g)).toHaveLength(tokens - 30);
      expect(stated).toBe(tokens);
    },
  );

  it("begin differently for at least twenty rounds", () => {
    const firsts = Array.from({ length: 20 }, (_, round) => readingPrompt(64, round).user.split(" ")[0]);
    expect(new Set(firsts).size).toBe(20);
  });

  it("end with what is to be written, whatever comes before", () => {
    const [short, long] = [writingPrompt(), writingPrompt(432)];
    expect(long.user.endsWith(short.user)).toBe(true);
    expect([short.tokens, long.tokens]).toEqual([42, 432]);
    expect(long.user.match(/\w+|[.,]/g)).toHaveLength(432 - 30);
  });

  it("are rendered as the model's template renders one message", () => {
    const { user, rendered } = writingPrompt();
    expect(rendered).toMatch(/^<\|im_start\|>system\n[^<]+<\|im_end\|>\n<\|im_start\|>user\n/);
    expect(rendered.endsWith(`user\n${user}<|im_end|>\n<|im_start|>assistant\n`)).toBe(true);
  });
});

describe("an answer", () => {
  const prompt = { tokens: 128 };
  const good = { promptTokens: 128, tokens: 3, times: [500, 510, 530], text: "" };

  it("counts when it has exactly the tokens that were asked for", () => {
    expect(complaint(good, prompt, 3)).toBeUndefined();
  });

  it.each([
    ["read another prompt", { ...good, promptTokens: 120 }, "it read 120 tokens of a prompt of 128"],
    ["ended early", { ...good, tokens: 2 }, "it wrote 2 tokens, not 3"],
    ["came in lumps", { ...good, times: [500, 530] }, "it handed over its 3 tokens in 2 pieces"],
    ["says nothing of its tokens", { ...good, tokens: undefined }, "it wrote undefined tokens, not 3"],
  ])("does not when it %s", (_, sample, words) => {
    expect(complaint(sample, prompt, 3)).toBe(words);
  });

  it("is read until its first token and written after it", () => {
    expect(speedOf("prefill", good)).toEqual({ first_token_ms: 500, tokens_per_s: 256 });
    expect(speedOf("decode", good).tokens_per_s).toBeCloseTo(2000 / 30);
  });

  it("shares a start with another", () => {
    expect(sharedStart("the fox", "the fire")).toBe(5);
    expect(sharedStart("the", "the fox")).toBe(3);
  });
});

describe("the report", () => {
  const run = {
    suite: "chat",
    cases: [
      { name: "prefill128", phase: "prefill" },
      { name: "decode128", phase: "decode" },
      { name: "abort", phase: "abort" },
    ],
    libraries: ["inglenook", "wllama-2", "wllama-3"],
    versions: { inglenook: "0.1.0", "wllama-2": "2.3.1", "wllama-3": "3.8.1" },
    adapter: "cpu",
    threads: 1,
    dtype: "Q4_1",
    model: "m",
    rounds: 1,
    load: true,
    software: false,
    machine: { date: "2026-11-20", busy: false },
  };

  function reported() {
    const report = new Report();
    report.sample("prefill128", "inglenook", "tokens_per_s", 150);
    report.sample("prefill128", "wllama-2", "tokens_per_s", 50);
    report.sample("prefill128", "wllama-3", "tokens_per_s", 20);
    report.sample("decode128", "inglenook", "tokens_per_s", 60);
    report.sample("decode128", "wllama-3", "tokens_per_s", 15);
    report.sample("memory", "wllama-2", "peak_rss_mb", 334);
    return report;
  }

  function loaded() {
    const report = reported();
    report.sample("load", "inglenook", "first_token_ms", 900);
    report.sample("load", "wllama-2", "first_token_ms", 1200);
    report.sample("load", "wllama-3", "first_token_ms", 1000);
    report.sample("load-cached", "inglenook", "first_token_ms", 400);
    report.sample("load-cached", "wllama-2", "first_token_ms", 800);
    report.sample("memory", "inglenook", "peak_rss_mb", 501);
    report.sample("memory", "wllama-3", "peak_rss_mb", 400);
    return report;
  }

  it("compares with the fastest peer that ran", () => {
    expect(ratiosToBest(run, reported())).toMatchObject([
      { case: "prefill128", peer: "wllama-2", ratio: 3 },
      { case: "decode128", peer: "wllama-3", ratio: 4 },
    ]);
  });

  it("compares loading and memory with the peer that takes least", () => {
    expect(ratiosToBest(run, loaded()).slice(2)).toEqual([
      { case: "load", metric: "first_token_ms", higher: false, peer: "wllama-3", ratio: 0.9 },
      { case: "load-cached", metric: "first_token_ms", higher: false, peer: "wllama-2", ratio: 0.5 },
      { case: "memory", metric: "peak_rss_mb", higher: false, peer: "wllama-2", ratio: 1.5 },
    ]);
    expect(ratiosToBest({ ...run, load: false }, loaded())).toHaveLength(2);
  });

  it("compares loading with no peer that failed to", () => {
    const report = loaded();
    report.failed("load", "wllama-3", "out of memory");
    const ratios = ratiosToBest(run, report).slice(-3);
    expect(ratios).toMatchObject([
      { peer: "wllama-2", ratio: 0.75 },
      { peer: "wllama-2", ratio: 0.5 },
      { peer: "wllama-2" },
    ]);
  });

  it("compares with no peer whose answer was wrong", () => {
    const report = reported();
    report.wrong("prefill128", "wllama-2", "it read 3 tokens");
    expect(ratiosToBest(run, report)[0]).toMatchObject({ peer: "wllama-3" });
  });

  it("shows how long aborts took, of no peer", () => {
    const report = reported();
    for (const ms of [12, 30, 18]) report.sample("abort", "inglenook", "abort_ms", ms);
    const text = render(run, sections(run, report), report);
    expect(text).toContain("- abort: inglenook is free again after 18.0 ms (12.0 to 30.0, 3 aborts)");
    expect(text).not.toMatch(/\| abort/);
    expect(report.rows(run).at(-1)).toMatchObject({ case: "abort", metric: "abort_ms", unit: "ms", n: 3 });
  });

  it("shows ratios, gaps and troubles", () => {
    const report = loaded();
    report.failed("decode128", "wllama-2", "out of memory");
    report.agreement("decode128", "wllama-3", "inglenook", 142);
    const text = render(run, sections(run, report), report);
    expect(text).toContain("- prefill128: 3.00 × the fastest peer, wllama-2");
    expect(text).toMatch(/\| decode128 +\| wllama-2 +\| +ERROR \|/);
    expect(text).toContain("- load: 0.90 × the first_token_ms of the best peer, wllama-3 (less is better)");
    expect(text).toContain("- memory: 1.50 × the peak_rss_mb of the best peer, wllama-2 (less is better)");
    expect(text).toMatch(/\| wllama-2 +\| +– \| +1200 \| +– \| +800 \| +334 \|/);
    expect(text).toMatch(/\| decode128 +\| wllama-3 .* 142 \|/);
    expect(text).toContain("- ERROR: wllama-2, decode128: out of memory");
  });

  it("has a row for each measurement, in the shape of the other suites", () => {
    expect(reported().rows(run)[1]).toEqual({
      suite: "chat",
      case: "prefill128",
      lib: "wllama-2",
      version: "2.3.1",
      device: "cpu",
      threads: 1,
      dtype: "Q4_1",
      metric: "tokens_per_s",
      unit: "tokens/s",
      median: 50,
      min: 50,
      max: 50,
      n: 1,
    });
  });

  it("has no row for a library that answers the same prompt in two ways", () => {
    const report = reported();
    report.answer("decode128", "inglenook", "once");
    report.answer("decode128", "inglenook", "once");
    expect(report.troubles).toEqual([]);
    report.answer("decode128", "inglenook", "twice");
    expect(
      report
        .rows(run)
        .filter((row) => row.case === "decode128")
        .map(({ lib }) => lib),
    ).toEqual(["wllama-3"]);
  });
});

it("rotation puts another library first in each round", () => {
  expect([0, 1, 2, 3].map((round) => rotated(["a", "b", "c"], round).join(""))).toEqual([
    "abc",
    "bca",
    "cab",
    "abc",
  ]);
  expect(rotated([], 2)).toEqual([]);
});
