import { beforeEach, describe, expect, it, vi } from "vitest";
import { withSubgroups } from "../../web/src/worker/request-device.js";

/** What devices were asked for. */
let asked: (GPUDeviceDescriptor | undefined)[];
let refusal: Error | undefined;

class Adapter {
  constructor(
    readonly features: Set<string>,
    readonly info: Partial<GPUAdapterInfo> = {},
  ) {}

  async requestDevice(descriptor?: GPUDeviceDescriptor) {
    asked.push(descriptor);
    if (refusal) throw refusal;
    const features = new Set<string>(descriptor?.requiredFeatures);
    return { features } as unknown as GPUDevice;
  }
}

const { requestDevice } = Adapter.prototype;
/** Opens a device of an adapter with these features, as wgpu does. */
const opening = (features: string[], descriptor?: GPUDeviceDescriptor) => (): Promise<GPUDevice> =>
  new Adapter(new Set(features)).requestDevice(descriptor);

describe("withSubgroups", () => {
  beforeEach(() => {
    asked = [];
    refusal = undefined;
    Adapter.prototype.requestDevice = requestDevice;
    vi.stubGlobal("GPUAdapter", Adapter);
  });

  it("asks for them beside what is asked for, where the adapter has them", async () => {
    const descriptor: GPUDeviceDescriptor = { label: "own", requiredFeatures: ["shader-f16"] };
    const found = await withSubgroups(opening(["subgroups", "shader-f16"], descriptor));
    expect(found.subgroups).toBe(true);
    expect(asked).toEqual([{ label: "own", requiredFeatures: ["shader-f16", "subgroups"] }]);
    expect([...found.opened.features]).toEqual(["shader-f16", "subgroups"]);
  });

  it("asks for them where nothing else is asked for", async () => {
    expect((await withSubgroups(opening(["subgroups"]))).subgroups).toBe(true);
    expect(asked).toEqual([{ requiredFeatures: ["subgroups"] }]);
  });

  it("leaves alone what an adapter without them is asked for", async () => {
    const descriptor: GPUDeviceDescriptor = { requiredFeatures: ["shader-f16"] };
    expect((await withSubgroups(opening(["shader-f16"], descriptor))).subgroups).toBe(false);
    expect((await withSubgroups(opening([]))).subgroups).toBe(false);
    expect(asked[0]).toBe(descriptor);
    expect(asked[1]).toBeUndefined();
  });

  it.each([
    [{ isFallbackAdapter: true }, true],
    [{ isFallbackAdapter: false, architecture: "swiftshader" }, false],
    [{ vendor: "google", architecture: "swiftshader" }, true],
    [{ vendor: "nvidia", architecture: "ampere" }, false],
  ])("says of the adapter %o whether a processor computes it: %s", async (info, software) => {
    const open = () => new Adapter(new Set(), info).requestDevice();
    expect((await withSubgroups(open)).software).toBe(software);
  });

  it("touches no device that is opened afterwards", async () => {
    await withSubgroups(opening(["subgroups"]));
    expect(Adapter.prototype.requestDevice).toBe(requestDevice);
  });

  it("touches none after a failure either, which it passes on", async () => {
    refusal = new Error("refused");
    await expect(withSubgroups(opening(["subgroups"]))).rejects.toBe(refusal);
    expect(Adapter.prototype.requestDevice).toBe(requestDevice);
    const early = () => {
      throw refusal;
    };
    await expect(withSubgroups(early)).rejects.toBe(refusal);
    expect(Adapter.prototype.requestDevice).toBe(requestDevice);
  });
});
