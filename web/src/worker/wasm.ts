import { InglenookError } from "../errors.js";
import type { DeviceKind } from "./protocol.js";
import { hasRelaxedSimd } from "./simd.js";

export type {
  ChatJob,
  ChatModel,
  ChatSession,
  ChatStep,
  Device,
  EmbedJob,
  TextEmbedder,
  VectorIndex,
} from "../../generated/cpu/inglenook_cpu.js";

/** What a build's glue exports, less the raw exports of its module, which differ from build to build. */
type Bindings<Glue> = Omit<Glue, "default" | "initSync"> & {
  default(options: { module_or_path: URL }): Promise<unknown>;
};

/** The bindings of either build. */
export type Wasm = Bindings<typeof import("../../generated/cpu/inglenook_cpu.js")>;
/** The bindings of the build with WebGPU: the same, and `Device.webgpu`. */
export type GpuWasm = Bindings<typeof import("../../generated/gpu/inglenook_gpu.js")>;

// `new URL(…, import.meta.url)` in full, so that bundlers find the files and take them along as they are. The
// glue is no part of the worker's own bundle: bundlers that make classic workers could not split it off.
const CPU = {
  glue: () => new URL("./inglenook_cpu.js", import.meta.url),
  code: () => new URL("./inglenook_cpu.wasm", import.meta.url),
};
const CPU_RELAXED = {
  glue: () => new URL("./inglenook_cpu_relaxed.js", import.meta.url),
  code: () => new URL("./inglenook_cpu_relaxed.wasm", import.meta.url),
};
const GPU = {
  glue: () => new URL("./inglenook_gpu.js", import.meta.url),
  code: () => new URL("./inglenook_gpu.wasm", import.meta.url),
};

/** Fetches, compiles and starts the fastest CPU build that this browser runs. */
export async function startCpuWasm(): Promise<Wasm> {
  if (hasRelaxedSimd()) {
    const wasm = await start<Wasm>(CPU_RELAXED, "cpu");
    if (wasm.Device.multipliesExactly()) return wasm;
  }
  return start<Wasm>(CPU, "cpu");
}

/** Fetches, compiles and starts the build with WebGPU, which is several times larger. */
export async function startGpuWasm(): Promise<GpuWasm> {
  return start<GpuWasm>(GPU, "webgpu");
}

async function start<T extends Wasm>({ glue, code }: typeof CPU, device: DeviceKind): Promise<T> {
  try {
    const wasm: T = await import(/* @vite-ignore */ /* webpackIgnore: true */ glue().href);
    await wasm.default({ module_or_path: code() });
    return wasm;
  } catch (cause) {
    throw new InglenookError(
      device === "cpu" ? "worker" : "gpu-error",
      `The WebAssembly build could not be started: ${cause}.`,
      { detail: code().href },
    );
  }
}
