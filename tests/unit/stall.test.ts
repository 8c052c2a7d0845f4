import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { unlessStalled } from "../../web/src/worker/stall.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("rejects when nothing has come for half a minute", async () => {
  const settled = vi.fn();
  unlessStalled(new Promise(() => {})).catch(settled);
  await vi.advanceTimersByTimeAsync(29_000);
  expect(settled).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1000);
  expect(settled).toHaveBeenCalledOnce();
});

it("gives what has come, and leaves no timer", async () => {
  expect(await unlessStalled(Promise.resolve(1))).toBe(1);
  await expect(unlessStalled(Promise.reject(new Error("cut")))).rejects.toThrow("cut");
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
});
