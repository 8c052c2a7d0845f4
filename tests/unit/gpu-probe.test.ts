import { describe, expect, it, vi } from "vitest";
import { InglenookError } from "../../web/src/errors.js";
import { errorOf, fallbackOf, probeGpu } from "../../web/src/worker/gpu-probe.js";

const DEFAULT_LIMITS = {
  maxStorageBufferBindingSize: 134_217_728,
  maxBufferSize: 268_435_456,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeWorkgroupsPerDimension: 65_535,
};

const withAdapter = (requestAdapter: () => Promise<unknown>) =>
  vi.stubGlobal("navigator", { gpu: { requestAdapter } });

describe("probeGpu", () => {
  it("finds nothing against an adapter with WebGPU's default limits", async () => {
    withAdapter(async () => ({ limits: DEFAULT_LIMITS }));
    expect(await probeGpu()).toBeNull();
  });

  it("tells that there is no WebGPU", async () => {
    vi.stubGlobal("navigator", {});
    expect(await probeGpu()).toMatchObject({ reason: "no-webgpu" });
  });

  it.each([
    ["none", async () => null],
    ["a rejection", () => Promise.reject(new Error("blocked"))],
  ])("tells that there is no adapter: %s", async (_, requestAdapter) => {
    withAdapter(requestAdapter);
    expect(await probeGpu()).toMatchObject({ reason: "no-adapter" });
  });

  it.each(Object.keys(DEFAULT_LIMITS))("tells that %s is too small", async (name) => {
    withAdapter(async () => ({ limits: { ...DEFAULT_LIMITS, [name]: 4 } }));
    const fallback = await probeGpu();
    expect(fallback).toMatchObject({ reason: "limits-too-small" });
    expect(fallback?.message).toContain(name);
  });
});

it.each([
  ["no-webgpu", "gpu-unavailable"],
  ["no-adapter", "gpu-unavailable"],
  ["limits-too-small", "gpu-limits"],
] as const)("%s is the error %s where the GPU is demanded", (reason, code) => {
  expect(errorOf({ reason, message: "No." })).toMatchObject({ code, message: "No.", detail: reason });
});

it.each([
  ["gpu-unavailable", "no-adapter"],
  ["gpu-limits", "limits-too-small"],
  ["gpu-self-test", "self-test-failed"],
  ["gpu-lost", "device-lost"],
  ["gpu-error", "gpu-error"],
] as const)("%s is the reason %s", (code, reason) => {
  expect(fallbackOf(new InglenookError(code, "No."))).toEqual({ reason, message: "No." });
});

it.each([new InglenookError("hash-mismatch", "No."), new Error("x"), undefined])(
  "%s is no reason",
  (error) => {
    expect(fallbackOf(error)).toBeNull();
  },
);
