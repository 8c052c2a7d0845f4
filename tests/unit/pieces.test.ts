import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { PieceHash } from "../../web/src/worker/pieces.js";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

describe("the hash of pieces", () => {
  it.each([
    [0, 1],
    [1, 1],
    [2 ** 18 - 1, 1000],
    [2 ** 18, 2 ** 18],
    [2 ** 18 + 1, 2 ** 18 + 1],
    [700_001, 65_537],
    [700_001, 700_001],
  ])("of %d bytes, %d at a time, is the hash of their hashes", async (length, step) => {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * i) >> 7);
    const digests = [];
    for (let at = 0; at < length; at += 2 ** 18) digests.push(sha256(bytes.subarray(at, at + 2 ** 18)));
    const hash = PieceHash.start();
    for (let at = 0; at < length; at += step) await hash?.push(bytes.subarray(at, at + step));
    expect(await hash?.hex()).toBe(sha256(Buffer.concat(digests)).toString("hex"));
  });
});
