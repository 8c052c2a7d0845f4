import { beforeEach, describe, expect, it, vi } from "vitest";
import { pause } from "../../web/src/worker/pause.js";
import { persistently, TransientError } from "../../web/src/worker/persist.js";

vi.mock("../../web/src/worker/pause.js", () => ({ pause: vi.fn(async () => {}) }));
const waits = () => vi.mocked(pause).mock.calls.map(([ms]) => ms);

/** Fails so many times, and then gives "done". */
function failing(times: number, error: Error = new TransientError("network", "No.")) {
  return vi.fn(async () => {
    if (times-- > 0) throw error;
    return "done";
  });
}

beforeEach(() => vi.mocked(pause).mockClear());

describe("persistently", () => {
  it("tries four times, and waits longer every time", async () => {
    expect(await persistently(failing(3), () => 0)).toBe("done");
    for (const [i, ms] of waits().entries()) {
      expect(ms).toBeGreaterThanOrEqual(250 * 2 ** i);
      expect(ms).toBeLessThanOrEqual(500 * 2 ** i);
    }
    expect(waits()).toHaveLength(3);
    await expect(persistently(failing(4), () => 0)).rejects.toMatchObject({ code: "network" });
  });

  it("begins to count again when it came further, and only then", async () => {
    let at = 0;
    const further = failing(20);
    await expect(persistently(further, () => at++)).resolves.toBe("done");
    const back = failing(20);
    await expect(persistently(back, () => at--)).rejects.toMatchObject({ code: "network" });
    expect(back).toHaveBeenCalledTimes(4);
  });

  it("waits as long as the host says, a minute at most", async () => {
    for (const [said, waited] of [
      [5000, 5000],
      [3_600_000, 60_000],
    ]) {
      const busy = new TransientError("http-status", "Busy.");
      busy.retryAfterMs = said as number;
      await persistently(failing(1, busy), () => 0);
      expect(waits().at(-1)).toBe(waited);
    }
  });

  it("does not try again what is wrong for good", async () => {
    const work = failing(1, new RangeError("no memory"));
    await expect(persistently(work, () => 0)).rejects.toThrow("no memory");
    expect(work).toHaveBeenCalledTimes(1);
  });
});
