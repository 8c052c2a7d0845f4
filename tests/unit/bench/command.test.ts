import { describe, expect, it } from "vitest";
import { parseCommand } from "../../bench/command.mjs";
import { parseCase, SUITES } from "../../bench/suites.mjs";

describe("the command line", () => {
  it("takes a suite, with all of its libraries", () => {
    expect(parseCommand(["chat"])).toMatchObject({
      suite: "chat",
      libraries: ["inglenook", "wllama-2", "wllama-3"],
      cases: undefined,
      rounds: undefined,
      load: true,
    });
  });

  it("takes cases, libraries and rounds", () => {
    const args = [
      "chat",
      "--cases",
      "prefill64,decode32",
      "--libs",
      "wllama-2",
      "--rounds",
      "3",
      "--no-load",
    ];
    expect(parseCommand(args)).toMatchObject({
      cases: ["prefill64", "decode32"],
      libraries: ["wllama-2"],
      rounds: 3,
      load: false,
    });
  });

  it.each([
    [[]],
    [["sing"]],
    [["chat", "embed"]],
    [["chat", "--libs", "onnxruntime-web"]],
    [["chat", "--cases", "16x1"]],
    [["embed", "--cases", "prefill128"]],
    [["chat", "--rounds", "0"]],
    [["chat", "--rounds", "1.5"]],
    [["chat", "--quickly"]],
  ])("refuses %j", (args) => {
    expect(() => parseCommand(args)).toThrow();
  });
});

describe("cases", () => {
  it.each(Object.entries(SUITES))("of %s are all understood", (suite, { cases }) => {
    expect(cases.map((name: string) => parseCase(suite, name).name)).toEqual(cases);
  });

  it("name the tokens", () => {
    expect(parseCase("embed", "16x32")).toEqual({ name: "16x32", tokens: 16, batch: 32 });
    expect(parseCase("chat", "prefill480")).toEqual({ name: "prefill480", phase: "prefill", tokens: 480 });
    expect(parseCase("chat", "decode128")).toEqual({ name: "decode128", phase: "decode", tokens: 128 });
    const late = { name: "decode64after432", phase: "decode", tokens: 64, after: 432 };
    expect(parseCase("chat", "decode64after432")).toEqual(late);
    expect(parseCase("chat", "abort")).toEqual({ name: "abort", phase: "abort", tokens: 480 });
  });

  it.each(["prefill31", "prefill961", "decode257", "decode", "prefill128x2", "abort64", "load"])(
    "refuse %s",
    (name) => {
      expect(() => parseCase("chat", name)).toThrow(`case ${name}`);
    },
  );
});
