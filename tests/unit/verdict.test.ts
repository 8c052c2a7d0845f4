import { describe, expect, it } from "vitest";
import { InglenookError } from "../../web/src/errors.js";
import { judge } from "../../web/src/worker/verdict.js";

describe("judge", () => {
  it("takes a trap for the end of the instance, and for the GPU's fault where that is at work", () => {
    const trap = new WebAssembly.RuntimeError("unreachable");
    expect(judge(trap, "cpu")).toMatchObject({ fatal: true, error: { code: "internal" } });
    expect(judge(trap, "webgpu")).toMatchObject({ fatal: true, error: { code: "gpu-error" } });
  });

  it("tells lack of memory from lack of stack", () => {
    expect(judge(new RangeError("Array buffer allocation failed"), "cpu")).toMatchObject({
      fatal: true,
      error: { code: "out-of-memory" },
    });
    expect(judge(new RangeError("Maximum call stack size exceeded"), "cpu")).toMatchObject({
      fatal: true,
      error: { code: "internal" },
    });
  });

  it.each(["gpu-lost", "gpu-error"] as const)("takes %s for the end too", (code) => {
    expect(judge({ code, message: "No." }, "webgpu")).toMatchObject({ fatal: true, error: { code } });
  });

  it("passes other errors on", () => {
    const error = new InglenookError("http-status", "No.", { detail: "url" });
    expect(judge(error, "cpu")).toEqual({
      fatal: false,
      error: { code: "http-status", message: "No.", detail: "url" },
    });
  });
});
