// The package's builds in Node, on the level of their bindings: what `web/src/worker/` does with them.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";

const POLL_MS = 100;
const CHUNK = 4 << 20;

/** Starts the build `inglenook_NAME` in the folder `dist`. */
export async function startBuild(dist, name, options = {}) {
  // Before version 21 Node had it, but not by default.
  if (Number.parseInt(process.versions.node, 10) < 21) setFlagsFromString("--experimental-wasm-relaxed-simd");
  const file = (end) => join(dist, `inglenook_${name}.${end}`);
  const wasm = await import(pathToFileURL(file("js")).href);
  await wasm.default({ module_or_path: new WebAssembly.Module(readFileSync(file("wasm"))), ...options });
  return wasm;
}

/** The device that was opened last, as JavaScript sees it. */
export let opened;

/** The GPU as the package opens it; see `web/src/worker/request-device.ts`. */
export async function openGpu(wasm) {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const requiredFeatures = [...(descriptor?.requiredFeatures ?? [])];
    if (this.features.has("subgroups")) requiredFeatures.push("subgroups");
    opened = await requestDevice.call(this, { ...descriptor, requiredFeatures });
    return opened;
  };
  try {
    const device = await named(wasm.Device.webgpu());
    if (opened.features.has("subgroups") && !process.env.NO_SUBGROUPS) device.useSubgroups();
    return device;
  } finally {
    GPUAdapter.prototype.requestDevice = requestDevice;
  }
}

/** The files of a model, `{ path: file }`, in the build's memory. */
export function readFiles(wasm, files) {
  const model = new wasm.ModelFiles();
  for (const [path, file] of Object.entries(files)) pushFile(model, path, file);
  return model;
}

function pushFile(model, path, file) {
  const descriptor = openSync(file);
  const chunk = Buffer.alloc(CHUNK);
  model.open(path);
  for (;;) {
    const bytes = readSync(descriptor, chunk);
    if (bytes === 0) break;
    model.push(chunk.subarray(0, bytes));
  }
  model.close();
  closeSync(descriptor);
}

/** The outcome of `work` on `device`, or the device's fault, for which nothing else may wait. */
export async function orFault(device, work) {
  if (device.kind() === "cpu") return named(work);
  let poll;
  const fault = new Promise((_, reject) => {
    poll = setInterval(() => device.fault() && reject(device.fault()), POLL_MS);
  });
  try {
    return await named(Promise.race([fault, work]));
  } finally {
    clearInterval(poll);
  }
}

/** Builds throw records; what is thrown here is an error that says the same. */
async function named(work) {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error) throw error;
    throw new Error([error?.code, error?.message, error?.detail].filter(Boolean).join(": "));
  }
}
