import { describe, expect, it } from "vitest";
import { rawSignature } from "../../../web/src/signature/raw-signature.js";

const raw = (...der: number[]) => rawSignature(Uint8Array.from(der), 2);

describe("rawSignature", () => {
  it.each<[what: string, der: number[], expected: number[]]>([
    ["short numbers", [0x30, 6, 2, 1, 1, 2, 1, 0x7f], [0, 1, 0, 0x7f]],
    ["numbers that begin with a one", [0x30, 8, 2, 2, 0, 0x80, 2, 2, 0x7f, 0xff], [0, 0x80, 0x7f, 0xff]],
    ["numbers as long as they may be", [0x30, 10, 2, 3, 0, 0xff, 1, 2, 3, 0, 0xfe, 2], [0xff, 1, 0xfe, 2]],
    ["a length in two bytes", [0x30, 0x81, 6, 2, 1, 1, 2, 1, 2], [0, 1, 0, 2]],
  ])("reads %s", (_, der, expected) => {
    expect([...(raw(...der) ?? [])]).toEqual(expected);
  });

  it.each<[what: string, der: number[]]>([
    ["nothing", []],
    ["no sequence", [2, 1, 1]],
    ["one number", [0x30, 3, 2, 1, 1]],
    ["three numbers", [0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1]],
    ["more after the sequence", [0x30, 6, 2, 1, 1, 2, 1, 1, 0]],
    ["a sequence that is cut", [0x30, 6, 2, 1, 1, 2, 1]],
    ["a number longer than the sequence", [0x30, 6, 2, 1, 1, 2, 9, 1]],
    ["a number longer than the bytes", [0x30, 6, 2, 0x84, 0xff, 0xff, 0xff, 0xff]],
    ["an empty number", [0x30, 5, 2, 0, 2, 1, 1]],
    ["a negative number", [0x30, 6, 2, 1, 0x80, 2, 1, 1]],
    ["a number that is too large", [0x30, 8, 2, 3, 1, 0, 0, 2, 1, 1]],
    ["another type", [0x30, 6, 3, 1, 1, 2, 1, 1]],
  ])("refuses %s", (_, der) => {
    expect(raw(...der)).toBeUndefined();
  });
});
