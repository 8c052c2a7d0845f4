import { describe, expect, it, vi } from "vitest";
import { InglenookError } from "../../web/src/errors.js";
import { type DownloadProgressEvent, type LoadProgressEvent, watchLoad } from "../../web/src/monitor.js";

/** Progress without anything beside the bytes. */
const at = (bytesLoaded: number, bytesTotal: number) => ({ bytesLoaded, bytesFetched: 0, bytesTotal });

describe("watchLoad", () => {
  it("fires the events of the W3C Prompt API, with bytes besides", () => {
    const events: DownloadProgressEvent[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => events.push(e)),
    );
    report(at(0, 8));
    report(at(2, 8));
    report(at(8, 8));
    expect(
      events.map(({ type, loaded, total, lengthComputable }) => [type, loaded, total, lengthComputable]),
    ).toEqual([
      ["downloadprogress", 0, 1, true],
      ["downloadprogress", 0.25, 1, true],
      ["downloadprogress", 1, 1, true],
    ]);
    expect(events.map(({ bytesLoaded, bytesTotal }) => [bytesLoaded, bytesTotal])).toEqual([
      [0, 8],
      [2, 8],
      [8, 8],
    ]);
  });

  it("calls ondownloadprogress", () => {
    const handler = vi.fn();
    const report = watchLoad((monitor) => {
      monitor.ondownloadprogress = handler;
    });
    report(at(4, 8));
    expect(handler.mock.lastCall?.[0]).toMatchObject({ loaded: 0.5 });
  });

  it("never goes back", () => {
    const seen: number[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => seen.push(e.loaded)),
    );
    for (const bytes of [0, 2, 0, 1, 4, 4]) report(at(bytes, 4));
    expect(seen).toEqual([0, 0.5, 1]);
  });

  it("is complete at once when there is nothing to load", () => {
    const seen: number[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => seen.push(e.loaded)),
    );
    report(at(0, 0));
    expect(seen).toEqual([1]);
  });

  it("is at 0 while the total is unknown, and at 1 in the end", () => {
    const seen: unknown[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => seen.push([e.loaded, e.bytesLoaded])),
    );
    for (const bytes of [0, 5, 9]) report(at(bytes, Number.POSITIVE_INFINITY));
    report(at(9, 9));
    expect(seen).toEqual([
      [0, 0],
      [0, 5],
      [0, 9],
      [1, 9],
    ]);
  });

  it("tells how far the preparation has come, which never goes back either", () => {
    const [seen, handled]: [LoadProgressEvent[], number[]] = [[], []];
    const report = watchLoad((monitor) => {
      monitor.addEventListener("prepareprogress", (event) => seen.push(event));
      monitor.onprepareprogress = ({ loaded }) => handled.push(loaded);
    });
    report(at(4, 4));
    for (const prepared of [0, 0.5, 0, 0.25, 0.5, 1]) report({ prepared });
    expect(seen.map(({ loaded, total, lengthComputable }) => [loaded, total, lengthComputable])).toEqual([
      [0, 1, true],
      [0.5, 1, true],
      [1, 1, true],
    ]);
    expect(handled).toEqual([0, 0.5, 1]);
  });

  it("tells the rate and how long the rest will take, where both are known", () => {
    const seen: unknown[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => seen.push([e.bytesPerSecond, e.secondsRemaining])),
    );
    report(at(1, 10));
    report({ ...at(2, 10), perSecond: 4 });
    report({ ...at(3, Number.POSITIVE_INFINITY), perSecond: 4 });
    expect(seen).toEqual([
      [undefined, undefined],
      [4, 2],
      [4, undefined],
    ]);
  });

  it("says once that the model is not kept, and why", () => {
    const handler = vi.fn();
    const report = watchLoad((monitor) => {
      monitor.onstorageerror = handler;
    });
    const notStored = { code: "storage-full", message: "No room." } as const;
    report(at(0, 8));
    for (const bytes of [1, 2]) report({ ...at(bytes, 8), notStored });
    expect(handler).toHaveBeenCalledTimes(1);
    expect(handler.mock.lastCall?.[0]).toMatchObject({ type: "storageerror", error: notStored });
    expect(handler.mock.lastCall?.[0].error).toBeInstanceOf(InglenookError);
  });

  it("does nothing without a monitor", () => {
    expect(() => watchLoad(undefined)(at(1, 1))).not.toThrow();
  });
});
