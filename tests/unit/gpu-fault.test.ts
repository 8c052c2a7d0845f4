import { describe, expect, it } from "vitest";
import { type FaultyDevice, orFault } from "../../web/src/worker/gpu-fault.js";

const lost = { code: "gpu-lost", message: "Lost." } as const;
const trap = new WebAssembly.RuntimeError("unreachable");

/** A device that has a fault after so many milliseconds. */
function device(kind: "cpu" | "webgpu", faultAfter = Number.POSITIVE_INFINITY): FaultyDevice {
  const start = performance.now();
  return { kind: () => kind, fault: () => (performance.now() - start >= faultAfter ? lost : undefined) };
}

describe("orFault", () => {
  it("gives the outcome of work that nothing disturbs", async () => {
    expect(await orFault(device("webgpu"), Promise.resolve(1))).toBe(1);
    expect(await orFault(device("cpu"), Promise.resolve(1))).toBe(1);
    await expect(orFault(device("webgpu"), Promise.reject(trap))).rejects.toBe(trap);
    await expect(orFault(device("cpu"), Promise.reject(trap))).rejects.toBe(trap);
  });

  it("does not trust numbers that were made while the GPU had a fault", async () => {
    await expect(orFault(device("webgpu", 0), Promise.resolve(1))).rejects.toBe(lost);
  });

  it("does not wait for a lost GPU to answer", async () => {
    await expect(orFault(device("webgpu", 20), new Promise(() => {}))).rejects.toBe(lost);
  });

  it("prefers the fault to the error that it led to, even when it is noticed a little later", async () => {
    await expect(orFault(device("webgpu", 0), Promise.reject(trap))).rejects.toBe(lost);
    await expect(orFault(device("webgpu", 50), Promise.reject(trap))).rejects.toBe(lost);
  });
});
