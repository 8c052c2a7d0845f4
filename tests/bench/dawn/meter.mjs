// Counts what is asked of the GPU, and the time that the asking thread spends.
import { performance } from "node:perf_hooks";

/** Methods to count, by class, and the name of their count. */
const COUNTED = {
  GPUDevice: {
    createComputePipeline: "pipelines",
    createComputePipelineAsync: "pipelines",
    createBindGroup: "bindGroups",
    createBuffer: "buffers",
    createCommandEncoder: "encoders",
  },
  GPUCommandEncoder: { beginComputePass: "passes", copyBufferToBuffer: "copies" },
  GPUComputePassEncoder: { dispatchWorkgroups: "dispatches", dispatchWorkgroupsIndirect: "dispatches" },
  GPUQueue: { submit: "submits", writeBuffer: "writes" },
  GPUBuffer: { mapAsync: "maps" },
};
/** Methods that cost time and have no count. */
const TIMED = {
  GPUDevice: ["createShaderModule", "createBindGroupLayout", "createPipelineLayout"],
  GPUCommandEncoder: ["finish"],
  GPUComputePassEncoder: ["setPipeline", "setBindGroup", "end"],
  GPUBuffer: ["getMappedRange", "unmap", "destroy"],
};

/** Whether calls are looked at: looking takes its time. */
let looking = true;

const totals = { hostMs: 0, gpuCallMs: 0 };
for (const names of Object.values(COUNTED)) for (const name of Object.values(names)) totals[name] = 0;

/**
 * Wraps the WebGPU classes, and instances of WebAssembly that are made from now on.
 *
 * `hostMs` is the time inside of WebAssembly, what it calls included; `gpuCallMs` the part of it inside of WebGPU. Waiting
 * for the GPU is in neither.
 */
export function installMeter() {
  for (const [type, methods] of Object.entries(COUNTED)) {
    for (const [method, name] of Object.entries(methods)) wrap(globalThis[type], method, name);
  }
  for (const [type, methods] of Object.entries(TIMED)) {
    for (const method of methods) wrap(globalThis[type], method);
  }
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (source, imports) => {
    const result = await instantiate(source, imports);
    if (result instanceof WebAssembly.Instance) return timedInstance(result, source);
    return timedInstance(result.instance, result.module);
  };
}

/** Runs `work` without counting, for its time. */
export async function uncounted(work) {
  looking = false;
  try {
    return await work();
  } finally {
    looking = true;
  }
}

/** What happened since `before`, which is an earlier result of it. */
export function measured(before) {
  const now = { ...totals };
  if (before) for (const name of Object.keys(now)) now[name] -= before[name];
  return now;
}

function wrap(type, method, name) {
  const call = type?.prototype[method];
  if (!call) return;
  type.prototype[method] = function (...options) {
    if (!looking) return call.apply(this, options);
    if (name) totals[name] += 1;
    const start = performance.now();
    try {
      return call.apply(this, options);
    } finally {
      totals.gpuCallMs += performance.now() - start;
    }
  };
}

/** Both forms of the result in one: glue asks for the instance, or for its exports. */
function timedInstance(instance, module) {
  const exports = Object.fromEntries(
    Object.entries(instance.exports).map(([name, value]) => [name, timed(value)]),
  );
  const wrapped = { exports };
  return { exports, module, instance: wrapped };
}

let depth = 0;

function timed(value) {
  if (typeof value !== "function") return value;
  return (...options) => {
    if (depth > 0 || !looking) return value(...options);
    depth = 1;
    const start = performance.now();
    try {
      return value(...options);
    } finally {
      totals.hostMs += performance.now() - start;
      depth = 0;
    }
  };
}
