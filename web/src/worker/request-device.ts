import type { ProvenanceAdapter } from "../provenance.js";

/** What wgpu does not tell of a device that it opened. */
export interface DeviceTraits {
  /** What the browser tells of its adapter. */
  adapter: ProvenanceAdapter | null;
  /** It has subgroups. */
  subgroups: boolean;
  /** A processor computes it. */
  software: boolean;
}

const TOLD = [
  "vendor",
  "architecture",
  "device",
  "description",
] as const satisfies (keyof ProvenanceAdapter)[];

/**
 * Runs `open`, which opens a device of the adapter it likes, so that the device has subgroups where the adapter has them.
 * wgpu knows nothing of the feature in a browser, and asks for all others that it knows.
 */
export async function withSubgroups<T>(open: () => Promise<T>): Promise<{ opened: T } & DeviceTraits> {
  const prototype = GPUAdapter.prototype;
  const { requestDevice } = prototype;
  const traits: DeviceTraits = { adapter: null, subgroups: false, software: false };
  prototype.requestDevice = async function (descriptor) {
    const requiredFeatures = [...(descriptor?.requiredFeatures ?? []), "subgroups" as const];
    const wanted = this.features.has("subgroups") ? { ...descriptor, requiredFeatures } : descriptor;
    const device = await requestDevice.call(this, wanted);
    traits.subgroups = device.features.has("subgroups");
    traits.software = isSoftware(this.info);
    // What a browser keeps to itself is empty.
    const told = TOLD.map((what) => [what, this.info[what] || null]);
    traits.adapter = Object.fromEntries(told) as Record<(typeof TOLD)[number], string | null>;
    return device;
  };
  try {
    return { opened: await open(), ...traits };
  } finally {
    prototype.requestDevice = requestDevice;
  }
}

/** Older browsers say what it is only in words. */
function isSoftware({ isFallbackAdapter, vendor, architecture }: GPUAdapterInfo): boolean {
  return isFallbackAdapter ?? /swiftshader|llvmpipe/i.test(`${vendor} ${architecture}`);
}
