/**
 * Runs `open`, which opens a device of the adapter it likes, so that the device has subgroups where the adapter has them;
 * whether it has. wgpu knows nothing of the feature in a browser, and asks for all others that it knows.
 */
export async function withSubgroups<T>(open: () => Promise<T>): Promise<{ opened: T; subgroups: boolean }> {
  const prototype = GPUAdapter.prototype;
  const { requestDevice } = prototype;
  let subgroups = false;
  prototype.requestDevice = async function (descriptor) {
    const requiredFeatures = [...(descriptor?.requiredFeatures ?? []), "subgroups" as const];
    const wanted = this.features.has("subgroups") ? { ...descriptor, requiredFeatures } : descriptor;
    const device = await requestDevice.call(this, wanted);
    subgroups = device.features.has("subgroups");
    return device;
  };
  try {
    return { opened: await open(), subgroups };
  } finally {
    prototype.requestDevice = requestDevice;
  }
}
