import type { Availability, CreateMonitor } from "inglenook";
import { describe, expect, it } from "vitest";
import { type CreateOptions, type Loadable, Model, type Source } from "../../web/demo/src/work/model";
import { InglenookError } from "../../web/src/errors.js";
import { provenanceOn } from "./fake-provenance.js";

class FakeLoaded extends EventTarget {
  readonly device = "cpu";
  readonly fallback = null;
  readonly bytesFetched = 7;
  readonly provenance = provenanceOn("cpu");
  destroyed = false;

  destroy() {
    this.destroyed = true;
  }
}

/** A source whose loads end when they are told to. */
function source(name: string, available: Availability | Promise<Availability>, fromDisk = false) {
  const loads: { options: CreateOptions; arrive: () => void; model: FakeLoaded }[] = [];
  const made: Source<Loadable> = {
    name,
    fromDisk,
    cost: fromDisk ? "" : "98 MB",
    availability: async () => available,
    create: (options) =>
      new Promise((resolve, reject) => {
        const model = new FakeLoaded();
        options.signal.addEventListener("abort", () => reject(options.signal.reason));
        loads.push({ options, arrive: () => resolve(model), model });
      }),
  };
  return { source: made, loads };
}

const soon = () => new Promise((resolve) => setTimeout(resolve));

describe("Model", () => {
  it("fetches nothing unasked, also when it goes back to a model that has to be fetched", async () => {
    const own = source("own", "downloadable");
    const file = source("file", "available", true);
    const model = new Model<Loadable>("auto", own.source);
    await model.check();
    expect(model.state.phase).toBe("absent");
    void model.replace(file.source);
    await soon();
    file.loads[0]?.arrive();
    await soon();
    expect(model.state.phase).toBe("ready");
    await model.replace(own.source);
    expect(file.loads[0]?.model.destroyed).toBe(true);
    expect(model.state.phase).toBe("absent");
    expect(model.source).toBe(own.source);
    expect(own.loads).toEqual([]);
  });

  it("goes back at once to a model that is kept", async () => {
    const own = source("own", "available");
    const model = new Model<Loadable>("auto", source("file", "available", true).source);
    void model.check();
    await soon();
    void model.replace(own.source);
    await soon();
    own.loads[0]?.arrive();
    await soon();
    expect(model.state.phase).toBe("ready");
    expect(model.wasKept).toBe(true);
  });

  it("knows that it was not kept, until another one takes its place", async () => {
    const own = source("own", "downloadable");
    const model = new Model<Loadable>("auto", own.source);
    void model.load();
    await soon();
    const monitor = new EventTarget();
    own.loads[0]?.options.monitor(monitor as CreateMonitor);
    const error = new InglenookError("storage-full", "No room.");
    monitor.dispatchEvent(Object.assign(new Event("storageerror"), { error }));
    own.loads[0]?.arrive();
    await soon();
    expect(model).toMatchObject({ notKept: error, wasKept: false, state: { phase: "ready" } });
    await model.replace(source("another", "downloadable").source);
    expect(model.notKept).toBe(null);
  });

  it("is absent, and not broken, after its loading was cancelled", async () => {
    const kept = source("own", "available");
    const model = new Model<Loadable>("auto", kept.source);
    const checked = model.check();
    await soon();
    expect(model.state.phase).toBe("fetching");
    model.unload();
    await checked;
    expect(model.state.phase).toBe("absent");
  });

  it("does not mind what is found out too late of a model that was replaced", async () => {
    let find = (_: Availability) => {};
    const slow = source(
      "own",
      new Promise<Availability>((resolve) => {
        find = resolve;
      }),
    );
    const file = source("file", "available", true);
    const model = new Model<Loadable>("auto", slow.source);
    const checked = model.check();
    void model.replace(file.source);
    await soon();
    file.loads[0]?.arrive();
    await soon();
    find("available");
    await checked;
    expect(model.state.phase).toBe("ready");
    expect(model.wasKept).toBe(false);
    expect(slow.loads).toEqual([]);
  });
});
