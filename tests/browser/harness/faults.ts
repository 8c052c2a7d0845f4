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

/** No adapter binds more buffers or has more shared memory than WebGPU promises; nor has a device that is asked for these. */
export const LEAST_LIMITS =
  limited("maxStorageBuffersPerShaderStage", 8) + limited("maxComputeWorkgroupStorageSize", 16 << 10);

/** No adapter has subgroups. */
export const NO_SUBGROUPS = `{
  const { get } = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, "features");
  const others = function () {
    return new Set([...get.call(this)].filter((feature) => feature !== "subgroups"));
  };
  Object.defineProperty(GPUAdapter.prototype, "features", { get: others });
}`;

/** WGSL has no products of packed bytes. */
export const NO_PACKED_DOTS = `Object.defineProperty(GPU.prototype, "wgslLanguageFeatures", { get: () => new Set() });`;

/** The browser says that it runs on such a system. */
const browserOn = (system: string) => `Object.defineProperty(WorkerNavigator.prototype, "userAgent", {
  get: () => "Mozilla/5.0 (${system}) Chrome/150.0.0.0",
});`;

/** The browser runs on Metal. */
export const ON_METAL = browserOn("Macintosh; Intel Mac OS X 10_15_7");

/** It does not, wherever the tests run. */
export const ON_VULKAN = browserOn("X11; Linux x86_64");

/** No adapter says that a processor computes it. */
export const HARDWARE = `Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });`;

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

/** The GPU leaves a part out of every product of packed bytes. */
export const LOSSY_PACKED_DOTS = `${ON_VULKAN} {
  const create = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function ({ code, ...options }) {
    return create.call(this, { ...options, code: code.replaceAll("dot4I8Packed(a.w, b.w)", "0") });
  };
}`;

/**
 * Runs `act`, in which `device` is the GPU's device, at the first submission after the worker has told of `progress`
 * for which `isUnderWay` holds: by default, that some texts are done.
 */
const duringWork = (act: string, isUnderWay = "progress?.done > 0") => `{
  let device;
  let state = "before";
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    return (device = await requestDevice.apply(this, options));
  };
  const postMessage = self.postMessage.bind(self);
  self.postMessage = (message, transfer) => {
    const { progress } = message;
    if (${isUnderWay} && state === "before") state = "under way";
    postMessage(message, transfer);
  };
  const submit = GPUQueue.prototype.submit;
  GPUQueue.prototype.submit = function (...buffers) {
    submit.apply(this, buffers);
    if (state !== "under way") return;
    state = "over";
    ${act}
  };
}`;

/** The device is lost in the middle of a load, when a part of the model is prepared. */
export const LOST_DURING_LOAD = duringWork("device.destroy();", "progress?.prepared > 0");

/** The device is lost in the middle of work. */
export const LOST_DURING_WORK = duringWork("device.destroy();");

/** An error that no error scope catches happens in the middle of work. */
export const ERROR_DURING_WORK = duringWork("device.createBuffer({ size: 16, usage: 0xfffffff });");

const ANSWERING = "progress?.tokens > 2";

/** The device is lost in the middle of an answer. */
export const LOST_DURING_CHAT = duringWork("device.destroy();", ANSWERING);

/** An error that no error scope catches happens in the middle of an answer. */
export const ERROR_DURING_CHAT = duringWork(
  "device.createBuffer({ size: 16, usage: 0xfffffff });",
  ANSWERING,
);

/** The device is lost whenever the page says so on the channel "lose". */
export const LOST_ON_DEMAND = `{
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    const device = await requestDevice.apply(this, options);
    const channel = new BroadcastChannel("lose");
    channel.onmessage = () => {
      device.destroy();
      channel.postMessage("lost");
    };
    return device;
  };
}`;

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

/** This browser has no relaxed SIMD, whose instructions begin with 253. */
export const NO_RELAXED_SIMD = `{
  const { validate } = WebAssembly;
  WebAssembly.validate = (bytes) => !bytes.join().includes("253,147,2") && validate(bytes);
}`;
