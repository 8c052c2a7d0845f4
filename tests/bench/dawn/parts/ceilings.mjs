// What the GPU can do at most, measured with plain WGSL under the same Dawn.
import { describeAdapter, installWebGpu, requestAdapter } from "../globals.mjs";
import { now, repeat, summary } from "../samples.mjs";
import {
  flopsOf,
  multiplyAdd,
  NOTHING,
  NOTHING_ALONE,
  packedDots,
  packedFlopsOf,
  READ,
  THREADS,
} from "./shaders.mjs";

const SIZES = {
  usual: { read: 1 << 30, passes: 20, groups: 4096, rounds: 256, dispatches: 1000, samples: 7 },
  tiny: { read: 1 << 26, passes: 2, groups: 16, rounds: 4, dispatches: 20, samples: 2 },
};
const FEATURES = ["shader-f16", "subgroups"];

export async function run({ options, progress, row }) {
  installWebGpu(options.dawn);
  const adapter = await requestAdapter();
  row("adapter", describeAdapter(adapter));
  const bench = await openBench(adapter, options.tiny ? SIZES.tiny : SIZES.usual);
  progress("memory");
  row("memory", { bytes_per_s: await readBandwidth(bench) });
  for (const type of ["f32", "f16"]) {
    if (type === "f16" && !bench.device.features.has("shader-f16")) continue;
    progress(type);
    row(type, { flops_per_s: await arithmetic(bench, (rounds) => multiplyAdd(type, rounds), flopsOf) });
  }
  if (navigator.gpu.wgslLanguageFeatures.has("packed_4x8_integer_dot_product")) {
    progress("i8");
    row("i8", { flops_per_s: await arithmetic(bench, packedDots, packedFlopsOf) });
  }
  progress("latencies");
  row("latency", await latencies(bench));
}

async function openBench(adapter, sizes) {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)),
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  device.onuncapturederror = ({ error }) => console.error(`ceilings: ${error.message}`);
  return { device, sizes, largest: Math.min(maxBufferSize, maxStorageBufferBindingSize) };
}

function pipelineOf({ device }, code) {
  const module = device.createShaderModule({ code });
  return device.createComputePipelineAsync({ layout: "auto", compute: { module, entryPoint: "main" } });
}

function bind({ device }, pipeline, buffers) {
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  return device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
}

const storage = ({ device }, size) =>
  device.createBuffer({
    size,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });

/** The seconds of `count` dispatches for each of `groups`, in one pass, until they are done. */
async function seconds({ device }, pipeline, bindings, workgroups, count) {
  const start = now();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  for (let turn = 0; turn < count; turn += 1) {
    for (const binding of bindings) {
      pass.setBindGroup(0, binding);
      pass.dispatchWorkgroups(workgroups);
    }
  }
  pass.end();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  return (now() - start) / 1000;
}

/** The seconds of one turn: many turns less one, so that what a submission costs is not in it. */
async function slope(bench, pipeline, bindings, workgroups) {
  const { passes, samples } = bench.sizes;
  return repeat(samples, 15_000, async () => {
    const one = await seconds(bench, pipeline, bindings, workgroups, 1);
    return ((await seconds(bench, pipeline, bindings, workgroups, passes + 1)) - one) / passes;
  });
}

async function readBandwidth(bench) {
  const { read, groups } = bench.sizes;
  const size = Math.min(read, Math.floor(bench.largest / 256) * 256);
  const sources = Array.from({ length: Math.ceil(read / size) }, () => storage(bench, size));
  const sums = storage(bench, groups * THREADS * 4);
  const pipeline = await pipelineOf(bench, READ);
  const bindings = sources.map((source) => bind(bench, pipeline, [source, sums]));
  const times = await slope(bench, pipeline, bindings, groups);
  for (const buffer of [...sources, sums]) buffer.destroy();
  return summary(times.map((time) => (sources.length * size) / time));
}

async function arithmetic(bench, shader, operations) {
  const { groups, rounds } = bench.sizes;
  const threads = groups * THREADS;
  const sums = storage(bench, (threads + 2) * 4);
  // Below one, so that sums stay finite; as bytes they are some, too.
  bench.device.queue.writeBuffer(sums, 0, Float32Array.of(0.5, 0.25));
  const pipeline = await pipelineOf(bench, shader(rounds));
  const times = await slope(bench, pipeline, [bind(bench, pipeline, [sums])], groups);
  sums.destroy();
  return summary(times.map((time) => operations(rounds, threads) / time));
}

/**
 * What a step pays before it computes: a dispatch that waits for the one before it, one that waits for nothing, and reading a
 * number back.
 */
async function latencies(bench) {
  const { samples, dispatches } = bench.sizes;
  const { device } = bench;
  const counter = storage(bench, 16);
  const target = device.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const readBack = async () => {
    const start = now();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(counter, 0, target, 0, 16);
    device.queue.submit([encoder.finish()]);
    await target.mapAsync(GPUMapMode.READ);
    target.unmap();
    return (now() - start) * 1000;
  };
  const dispatch = async (code) => {
    const pipeline = await pipelineOf(bench, code);
    const bindings = [bind(bench, pipeline, [counter])];
    const one = async () => ((await seconds(bench, pipeline, bindings, 1, dispatches)) / dispatches) * 1e6;
    return summary(await repeat(samples, 10_000, one));
  };
  return {
    read_back_us: summary(await repeat(samples * 3, 5000, readBack)),
    dispatch_us: await dispatch(NOTHING),
    dispatch_alone_us: await dispatch(NOTHING_ALONE),
  };
}
