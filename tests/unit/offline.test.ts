import { describe, expect, it } from "vitest";
import { offline } from "../../web/src/index.js";

describe("offline, where there is no page", () => {
  it.each([offline.register, offline.unregister])("does nothing but say so", async (work) => {
    await expect(work()).rejects.toMatchObject({ name: "InglenookError", code: "storage-denied" });
  });
});
