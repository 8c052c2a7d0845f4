import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fromRecord, InglenookError, toRecord } from "../../web/src/errors.js";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

describe("InglenookError", () => {
  it("carries a code, a sentence, what it is about, and a cause", () => {
    const cause = new TypeError("x");
    const error = new InglenookError("network", "No.", { detail: "https://a.example", cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "InglenookError", code: "network", message: "No.", cause });
    expect(error.detail).toBe("https://a.example");
    expect("cause" in new InglenookError("network", "No.")).toBe(false);
  });

  it("crosses the worker boundary as a record and back", () => {
    const record = { code: "tokenizer", message: "No.", detail: "tokenizer.json" } as const;
    expect(toRecord(fromRecord(record))).toEqual(record);
  });

  it("keeps what Rust threw", () => {
    expect(toRecord({ code: "missing-tensor", message: "No." })).toMatchObject({ code: "missing-tensor" });
  });

  it.each([new Error("x"), new DOMException("x", "DataCloneError"), "x", undefined, null, 7])(
    "calls %s a defect",
    (thrown) => {
      expect(toRecord(thrown)).toMatchObject({ code: "internal", detail: String(thrown) });
    },
  );
});

describe("ErrorCode", () => {
  it("is what Rust declares", () => {
    const [, body = ""] = /pub enum ErrorCode \{([^}]*)\}/.exec(read("crate/src/error.rs")) ?? [];
    const variants = [...body.matchAll(/^ {4}([A-Z]\w+),$/gm)].map(([, name = ""]) => name);
    const codes = variants.map((name) => name.replace(/\B[A-Z]/g, (letter) => `-${letter}`).toLowerCase());
    const generated = [...read("web/src/error-code.ts").matchAll(/"([a-z-]+)"/g)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(20);
    expect(generated).toEqual(codes);
  });
});
