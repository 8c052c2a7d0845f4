// Scripts that run in the package's worker before its own code, and take from the browser's WebGPU what a
// weaker one lacks, or break it. Nothing of the package is touched.

/** There is no WebGPU. */
export const NO_WEBGPU = `Object.defineProperty(WorkerNavigator.prototype, "gpu", { get: () => undefined });`;

/** There is WebGPU, but no adapter. */
export const NO_ADAPTER = `GPU.prototype.requestAdapter = async () => null;`;

/** Asking for an adapter fails, as in browsers that reject instead of giving none. */
export const ADAPTER_REFUSED = `GPU.prototype.requestAdapter = async () => {
  throw new DOMException("blocked", "OperationError");
};`;

/** The adapter gives no device. */
export const DEVICE_REFUSED = `GPUAdapter.prototype.requestDevice = async () => {
  throw new DOMException("blocked", "OperationError");
};`;

/** A limit of every adapter is `value`. */
export const limited = (name: string, value: number) =>
  `Object.defineProperty(GPUSupportedLimits.prototype, "${name}", { get: () => ${value} });`;

/** The GPU accepts work and does none of it: every buffer keeps what it held. */
export const IDLE_GPU = `for (const name of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"]) {
  GPUComputePassEncoder.prototype[name] = () => {};
}`;

/** The GPU leaves out every fifth piece of work: wrong numbers, and no error. */
export const LOSSY_GPU = `{
  const dispatch = GPUComputePassEncoder.prototype.dispatchWorkgroups;
  let count = 0;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...groups) {
    if (++count % 5 !== 0) dispatch.apply(this, groups);
  };
}`;

/** Runs `act`, in which \`device\` is the GPU's device, at the \`turn\`-th submission after the first request to embed. */
const duringWork = (act: string, turn: number) => `{
  let device;
  let left = Number.POSITIVE_INFINITY;
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    return (device = await requestDevice.apply(this, options));
  };
  addEventListener("message", ({ data }) => {
    if (data.kind === "embed" && left === Number.POSITIVE_INFINITY) left = ${turn};
  });
  const submit = GPUQueue.prototype.submit;
  GPUQueue.prototype.submit = function (...buffers) {
    submit.apply(this, buffers);
    if (--left === 0) {
      ${act}
    }
  };
}`;

/** The device is lost in the middle of work. */
export const LOST_DURING_WORK = duringWork("device.destroy();", 2);

/** An error that no error scope catches happens in the middle of work. */
export const ERROR_DURING_WORK = duringWork("device.createBuffer({ size: 16, usage: 0xfffffff });", 2);

/** The device is lost as soon as it is there. */
export const LOST_AT_START = `{
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    setTimeout(() => device.destroy(), 0);
    return device;
  };
}`;

/** An error that no error scope catches happens as soon as there is a device. */
export const ERROR_AT_START = `{
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    setTimeout(() => device.createBuffer({ size: 16, usage: 0xfffffff }), 0);
    return device;
  };
}`;
