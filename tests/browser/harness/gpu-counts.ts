import type { Page } from "playwright-core";

/** What the package's workers have asked of the GPU since they began. */
export interface GpuCounts {
  pipelines: number;
  /** Shaders that use subgroups. */
  subgroupShaders: number;
  /** Shaders that multiply packed bytes. */
  packedShaders: number;
  bindGroups: number;
  dispatches: number;
  submissions: number;
}

const CHANNEL = "gpu-counts";

/** Runs in the worker before its own code: counts calls, and tells the counts on request. */
export const COUNTED_GPU = `{
  const counts = {
    pipelines: 0,
    subgroupShaders: 0,
    packedShaders: 0,
    bindGroups: 0,
    dispatches: 0,
    submissions: 0,
  };
  const count = (prototype, method, name, applies = () => true) => {
    const call = prototype[method];
    prototype[method] = function (...options) {
      if (applies(...options)) counts[name]++;
      return call.apply(this, options);
    };
  };
  count(GPUDevice.prototype, "createComputePipeline", "pipelines");
  count(GPUDevice.prototype, "createComputePipelineAsync", "pipelines");
  const usesSubgroups = ({ code }) => code.includes("enable subgroups");
  count(GPUDevice.prototype, "createShaderModule", "subgroupShaders", usesSubgroups);
  const multipliesPacked = ({ code }) => code.includes("dot4I8Packed");
  count(GPUDevice.prototype, "createShaderModule", "packedShaders", multipliesPacked);
  count(GPUDevice.prototype, "createBindGroup", "bindGroups");
  count(GPUComputePassEncoder.prototype, "dispatchWorkgroups", "dispatches");
  count(GPUQueue.prototype, "submit", "submissions");
  const channel = new BroadcastChannel("${CHANNEL}");
  channel.onmessage = ({ data }) => {
    if (data === "ask") channel.postMessage({ ...counts });
  };
}`;

/** The counts of the page's one worker. */
export function gpuCounts(page: Page): Promise<GpuCounts> {
  return page.evaluate(
    (name) =>
      new Promise<GpuCounts>((resolve) => {
        const channel = new BroadcastChannel(name);
        channel.onmessage = ({ data }) => {
          channel.close();
          resolve(data);
        };
        channel.postMessage("ask");
      }),
    CHANNEL,
  );
}
