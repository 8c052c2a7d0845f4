import { describe, expect, it } from "vitest";
import { decode } from "../../web/demo/src/reading/decode";

const utf8 = (text: string) => new TextEncoder().encode(text);

function utf16(text: string, bigEndian: boolean, marked: boolean): Uint8Array {
  const bytes: number[] = marked ? (bigEndian ? [0xfe, 0xff] : [0xff, 0xfe]) : [];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes.push(...(bigEndian ? [unit >> 8, unit & 255] : [unit & 255, unit >> 8]));
  }
  return new Uint8Array(bytes);
}

describe("decode", () => {
  it("reads UTF-8, with and without a byte order mark", () => {
    expect(decode(utf8("Grüße, 世界"))?.text).toBe("Grüße, 世界");
    expect(decode(new Uint8Array([0xef, 0xbb, 0xbf, ...utf8("Grüße")]))?.text).toBe("Grüße");
  });

  it("reads UTF-16 by its mark", () => {
    expect(decode(utf16("Grüße, 世界", false, true))?.text).toBe("Grüße, 世界");
    expect(decode(utf16("Grüße, 世界", true, true))?.text).toBe("Grüße, 世界");
  });

  it("recognises unmarked UTF-16 of western text", () => {
    expect(decode(utf16("plain words in a row", false, false))?.text).toBe("plain words in a row");
    expect(decode(utf16("plain words in a row", true, false))?.text).toBe("plain words in a row");
  });

  it("falls back to windows-1252", () => {
    const decoded = decode(new Uint8Array([0x43, 0x61, 0x66, 0xe9]));
    expect(decoded).toEqual({ text: "Café", encoding: "windows-1252" });
  });

  it("follows the charset that a page declares", () => {
    const head = '<html><head><meta charset="iso-8859-2"></head><body>';
    const bytes = new Uint8Array([...utf8(head), 0xb3]);
    expect(decode(bytes)?.text.endsWith("ł")).toBe(true);
  });

  it("ignores a declared charset that does not exist", () => {
    const bytes = new Uint8Array([...utf8('<meta charset="no-such-thing">'), 0xe9]);
    expect(decode(bytes)?.encoding).toBe("windows-1252");
  });

  it("turns every line end into a line feed", () => {
    expect(decode(utf8("a\r\nb\rc\nd"))?.text).toBe("a\nb\nc\nd");
  });

  it("refuses binary data", () => {
    expect(decode(utf8("%PDF-1.7 and so on"))).toBeNull();
    expect(decode(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10]))).toBeNull();
    expect(decode(new Uint8Array([72, 105, 0, 1, 2, 3, 72, 105]))).toBeNull();
    expect(decode(Uint8Array.from({ length: 400 }, (_, i) => (i % 7 === 0 ? 3 : 200)))).toBeNull();
  });

  it("reads an empty file as empty text", () => {
    expect(decode(new Uint8Array())?.text).toBe("");
  });
});
