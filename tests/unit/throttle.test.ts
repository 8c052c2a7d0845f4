import { expect, it, vi } from "vitest";
import { throttled } from "../../web/src/worker/throttle.js";

it("throttled passes the first value, then one every 50 ms, and the last one always", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const seen: number[] = [];
  const emit = throttled<number>(
    (value) => seen.push(value),
    (value) => value === 9,
  );
  for (const value of [1, 2]) emit(value);
  vi.advanceTimersByTime(50);
  for (const value of [3, 4, 9]) emit(value);
  vi.useRealTimers();
  expect(seen).toEqual([1, 3, 9]);
});
