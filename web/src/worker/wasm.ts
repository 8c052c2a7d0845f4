import { InglenookError } from "../errors.js";
import { digestOf, toHex } from "./pieces.js";
import type { DeviceKind } from "./protocol.js";
import { wantThreads } from "./serve.js";
import { hasRelaxedSimd } from "./simd.js";
import { threadCount } from "./threads.js";

export type {
  ChatInfo,
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
  default(options: {
    module_or_path: URL | WebAssembly.Module;
    memory?: WebAssembly.Memory;
    thread_stack_size?: number;
  }): Promise<unknown>;
};

/** The bindings of either build. */
export type Wasm = Bindings<typeof import("../../generated/cpu/inglenook_cpu.js")>;
/** The bindings of the build with threads: the same, and what its threads need. */
export type SharedWasm = Bindings<typeof import("../../generated/cpu_threads/inglenook_cpu_threads.js")>;
/** The bindings of the build with WebGPU: the same, and `Device.webgpu`. */
export type GpuWasm = Bindings<typeof import("../../generated/gpu/inglenook_gpu.js")>;

// `new URL(…, import.meta.url)` in full, so that bundlers find the files and take them along as they are. The
// glue is no part of the worker's own bundle: bundlers that make classic workers could not split it off.
const CPU = {
  file: "inglenook_cpu.wasm",
  relaxedSimd: false,
  glue: () => new URL("./inglenook_cpu.js", import.meta.url),
  code: () => new URL("./inglenook_cpu.wasm", import.meta.url),
};
const CPU_RELAXED = {
  file: "inglenook_cpu_relaxed.wasm",
  relaxedSimd: true,
  glue: () => new URL("./inglenook_cpu_relaxed.js", import.meta.url),
  code: () => new URL("./inglenook_cpu_relaxed.wasm", import.meta.url),
};
const CPU_THREADS = {
  file: "inglenook_cpu_threads.wasm",
  relaxedSimd: true,
  glue: () => new URL("./inglenook_cpu_threads.js", import.meta.url),
  code: () => new URL("./inglenook_cpu_threads.wasm", import.meta.url),
};
const GPU = {
  file: "inglenook_gpu.wasm",
  relaxedSimd: false,
  glue: () => new URL("./inglenook_gpu.js", import.meta.url),
  code: () => new URL("./inglenook_gpu.wasm", import.meta.url),
};

/** Fetches, compiles and starts the fastest CPU build that this browser runs. */
export async function startCpuWasm(): Promise<Wasm> {
  if (hasRelaxedSimd()) {
    const wasm = (await startShared()) ?? (await start<Wasm>(CPU_RELAXED, "cpu"));
    if (wasm.Device.multipliesExactly()) return wasm;
    shared = undefined;
  }
  return start<Wasm>(CPU, "cpu");
}

let shared: SharedWasm | undefined;

/** The build with threads, where they are worth it and there is memory to share; none of them runs yet. */
async function startShared(): Promise<SharedWasm | undefined> {
  if (threadCount() < 2) return undefined;
  try {
    shared = await start<SharedWasm>(CPU_THREADS, "cpu");
    return shared;
  } catch {
    // The other builds need less: no shared memory, whose addresses are reserved in advance.
    return undefined;
  }
}

/** Has the build that was started compute on all of its threads, if it has any. */
export function startPool(): void {
  if (!shared) return;
  const [module, memory] = [shared.poolModule(), shared.poolMemory()];
  running.threads = threadCount();
  wantThreads(running.threads - 1, { glue: CPU_THREADS.glue().href, module, memory });
}

/** Fetches, compiles and starts the build with WebGPU, which is several times larger. */
export async function startGpuWasm(): Promise<GpuWasm> {
  return start<GpuWasm>(GPU, "webgpu");
}

/** The build that was started last, and what it computes on. */
export let running: {
  file: string;
  relaxedSimd: boolean;
  threads: number;
  address: URL;
};

async function start<T extends Wasm>({ glue, code, ...build }: typeof CPU, device: DeviceKind): Promise<T> {
  try {
    const wasm: T = await import(/* @vite-ignore */ /* webpackIgnore: true */ glue().href);
    await wasm.default({ module_or_path: code() });
    running = { ...build, threads: 1, address: code() };
    return wasm;
  } catch (cause) {
    throw new InglenookError(
      device === "cpu" ? "worker" : "gpu-error",
      `The WebAssembly build could not be started: ${cause}.`,
      { detail: code().href },
    );
  }
}

/**
 * The SHA-256 of the file that was compiled, or `null` where it cannot be hashed. It is read once more, from the browser's
 * cache: Firefox, which compiles an answer while it comes, now and then never ends where that was cloned.
 */
export async function hashOfRunning(): Promise<string | null> {
  try {
    const answer = await fetch(running.address, { cache: "force-cache" });
    return answer.ok ? toHex(await digestOf(await answer.arrayBuffer())) : null;
  } catch {
    return null;
  }
}
