// What a worker in a browser has of WebGPU, for code that runs in Node: Dawn, as npm's `webgpu` brings it.
import { create, globals } from "webgpu";

/**
 * Defines `navigator.gpu` and the WebGPU classes. `flags` are Dawn's own, such as `adapter=…`; without any
 * it offers what a browser does. Without `packedDots` WGSL has no products of packed bytes.
 *
 * Where there is a `WorkerGlobalScope`, wgpu takes the global object for a worker's, and looks for `navigator` there.
 */
export function installWebGpu(flags = [], packedDots = true) {
  Object.assign(globalThis, globals);
  // Times are rounded to a tenth of a millisecond otherwise.
  const gpu = create(["disable-dawn-features=timestamp_quantization", ...flags]);
  if (!packedDots) Object.defineProperty(gpu, "wgslLanguageFeatures", { value: new Set() });
  Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: "node" }, configurable: true });
  globalThis.WorkerGlobalScope ??= class WorkerGlobalScope {};
  globalThis.self ??= globalThis;
}

/** The adapter that wgpu and the peers ask for. */
export async function requestAdapter() {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("Dawn has no WebGPU adapter: is there a Vulkan driver that it takes?");
  return adapter;
}

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxStorageBuffersPerShaderStage",
];

/** What an adapter says of itself. */
export function describeAdapter(adapter) {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = adapter.info;
  return {
    name: [description || device, vendor, architecture].filter(Boolean).join(", "),
    software: adapter.info.isFallbackAdapter ?? false,
    subgroups: [subgroupMinSize, subgroupMaxSize],
    limits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
    features: [...adapter.features].sort(),
  };
}
