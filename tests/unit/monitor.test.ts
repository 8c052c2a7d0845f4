import { describe, expect, it, vi } from "vitest";
import { type DownloadProgressEvent, type LoadProgressEvent, watchLoad } from "../../web/src/monitor.js";

const bytes = (bytesLoaded: number, bytesTotal: number) => ({ bytesLoaded, bytesFetched: 0, bytesTotal });

describe("watchLoad", () => {
  it("fires the events of the W3C Prompt API, with bytes besides", () => {
    const events: DownloadProgressEvent[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => events.push(e)),
    );
    report(bytes(0, 8));
    report(bytes(2, 8));
    report(bytes(8, 8));
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
    report(bytes(4, 8));
    expect(handler.mock.lastCall?.[0]).toMatchObject({ loaded: 0.5 });
  });

  it("never goes back", () => {
    const seen: number[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => seen.push(e.loaded)),
    );
    for (const count of [0, 2, 0, 1, 4, 4]) report(bytes(count, 4));
    expect(seen).toEqual([0, 0.5, 1]);
  });

  it("is complete at once when there is nothing to load", () => {
    const seen: number[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => seen.push(e.loaded)),
    );
    report(bytes(0, 0));
    expect(seen).toEqual([1]);
  });

  it("is at 0 while the total is unknown, and at 1 in the end", () => {
    const seen: unknown[] = [];
    const report = watchLoad((monitor) =>
      monitor.addEventListener("downloadprogress", (e) => seen.push([e.loaded, e.bytesLoaded])),
    );
    for (const count of [0, 5, 9]) report(bytes(count, Number.POSITIVE_INFINITY));
    report(bytes(9, 9));
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
    report(bytes(4, 4));
    for (const prepared of [0, 0.5, 0, 0.25, 0.5, 1]) report({ prepared });
    expect(seen.map(({ loaded, total, lengthComputable }) => [loaded, total, lengthComputable])).toEqual([
      [0, 1, true],
      [0.5, 1, true],
      [1, 1, true],
    ]);
    expect(handled).toEqual([0, 0.5, 1]);
  });

  it("does nothing without a monitor", () => {
    expect(() => watchLoad(undefined)(bytes(1, 1))).not.toThrow();
  });
});
