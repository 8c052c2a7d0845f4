import { type ErrorRecord, toRecord } from "../errors.js";
import type { DeviceKind } from "./protocol.js";

/** An error, and whether the wasm instance may still be used after it. */
export interface Verdict {
  error: ErrorRecord;
  fatal: boolean;
}

/** Judges what came out of a wasm instance working on `device`. */
export function judge(thrown: unknown, device: DeviceKind): Verdict {
  const detail = String(thrown);
  // A trap leaves the instance in the middle of something. V8 reports its own stack overflow as a RangeError.
  if (thrown instanceof WebAssembly.RuntimeError || /call stack|recursion/.test(detail)) {
    return { error: stopped(device, detail), fatal: true };
  }
  if (thrown instanceof RangeError) {
    return { error: { code: "out-of-memory", message: "There is not enough memory.", detail }, fatal: true };
  }
  const error = toRecord(thrown);
  return { error, fatal: error.code === "gpu-lost" || error.code === "gpu-error" };
}

function stopped(device: DeviceKind, detail: string): ErrorRecord {
  if (device === "webgpu") return { code: "gpu-error", message: "The GPU engine stopped.", detail };
  return { code: "internal", message: "The engine stopped.", detail };
}
