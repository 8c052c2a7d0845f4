import type { ErrorCode } from "../error-code.js";
import { type ErrorRecord, InglenookError } from "../errors.js";
import type { Fallback, FallbackReason } from "./protocol.js";

// The default limits of the WebGPU specification: an adapter with less runs in a reduced mode, for which the
// kernels are not written. Each is the largest that they use.
const REQUIRED_LIMITS = {
  /** The largest tensor must be bindable whole. */
  maxStorageBufferBindingSize: 128 << 20,
  /** Buffers are pooled: several tensors share one. */
  maxBufferSize: 256 << 20,
  /** Inputs and outputs of the widest fused kernel. */
  maxStorageBuffersPerShaderStage: 8,
  /** Tiles of 16 × 16 threads. */
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  /** Two tiles of f32 and a reduction, in bytes. */
  maxComputeWorkgroupStorageSize: 16 << 10,
  /** Dispatches are one-dimensional until this many groups. */
  maxComputeWorkgroupsPerDimension: 65_535,
} as const satisfies Partial<Record<keyof GPUSupportedLimits, number>>;

/** Looks, without loading anything, for a reason not to use WebGPU; `null` when there is none. */
export async function probeGpu(): Promise<Fallback | null> {
  if (!navigator.gpu) return { reason: "no-webgpu", message: "This browser has no WebGPU." };
  // Some browsers reject where others give `null`.
  const adapter = await navigator.gpu
    .requestAdapter({ powerPreference: "high-performance" })
    .catch(() => null);
  if (!adapter) return { reason: "no-adapter", message: "WebGPU has no adapter for this device." };
  for (const [name, least] of Object.entries(REQUIRED_LIMITS)) {
    const limit = adapter.limits[name as keyof typeof REQUIRED_LIMITS];
    if (limit < least) {
      return {
        reason: "limits-too-small",
        message: `The GPU's ${name} is ${limit}, and ${least} are needed.`,
      };
    }
  }
  return null;
}

const CODE_OF_REASON: Partial<Record<FallbackReason, ErrorCode>> = {
  "no-webgpu": "gpu-unavailable",
  "no-adapter": "gpu-unavailable",
  "limits-too-small": "gpu-limits",
};

/** The error for an application that allows nothing but the GPU. */
export function errorOf({ reason, message }: Fallback): InglenookError {
  return new InglenookError(CODE_OF_REASON[reason] ?? "gpu-error", message, { detail: reason });
}

const REASON_OF_CODE: Partial<Record<ErrorCode, FallbackReason>> = {
  "gpu-unavailable": "no-adapter",
  "gpu-limits": "limits-too-small",
  "gpu-self-test": "self-test-failed",
  "gpu-lost": "device-lost",
  "gpu-error": "gpu-error",
};

/** Why an error moves work to the CPU; `null` when it is not the GPU's fault. */
export function fallbackOf(error: unknown): Fallback | null {
  const { code, message } = Object(error) as ErrorRecord;
  const reason = REASON_OF_CODE[code];
  return reason ? { reason, message } : null;
}
