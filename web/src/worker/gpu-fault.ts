import type { Device } from "./wasm.js";

/** The part of a device that says whether it is to be trusted. */
export type FaultyDevice = Pick<Device, "kind" | "fault">;

const POLL_MS = 100;

/**
 * The outcome of `work` on `device`, or the fault that the GPU has reported meanwhile.
 *
 * A fault counts for more than the outcome: numbers that were computed while something went wrong are not to be
 * trusted, and an error says less about its cause than the fault that led to it. Nor is the outcome waited for:
 * what waits for a lost GPU may wait for ever.
 */
export async function orFault<T>(device: FaultyDevice, work: Promise<T>): Promise<T> {
  if (device.kind() === "cpu") return work;
  let poll: ReturnType<typeof setInterval> | undefined;
  const fault = new Promise<never>((_, reject) => {
    poll = setInterval(() => device.fault() && reject(device.fault()), POLL_MS);
  });
  try {
    const result = await Promise.race([fault, work.catch(afterGrace)]);
    const late = device.fault();
    if (late) throw late;
    return result;
  } finally {
    clearInterval(poll);
  }
}

/** Rejects with `error`, but not before a fault that is on its way has been noticed. */
function afterGrace(error: unknown): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(error), 2 * POLL_MS));
}
