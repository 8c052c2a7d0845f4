// How long the GPU is busy: passes that note their beginning and their end on the GPU's clock.
const MOST_PASSES = 2000;

/**
 * Measures the passes that are encoded while `work` runs, on `device`; `null` where it has no clock. Between passes the GPU
 * may wait, within one it does not: its commands are there before it begins.
 */
export async function busyMs(device, work) {
  if (!device.features.has("timestamp-query")) {
    await work();
    return null;
  }
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 * MOST_PASSES });
  const count = await encodeTimed(querySet, work);
  const times = await readTimes(device, querySet, count);
  querySet.destroy();
  return times.reduce((total, [begin, end]) => total + Number(end - begin), 0) / 1e6;
}

/** Gives every pass two places of `querySet` while `work` runs; how many passes there were. */
async function encodeTimed(querySet, work) {
  const { prototype } = GPUCommandEncoder;
  const { beginComputePass } = prototype;
  let passes = 0;
  prototype.beginComputePass = function (descriptor) {
    if (passes === MOST_PASSES) return beginComputePass.call(this, descriptor);
    const first = 2 * passes++;
    const timestampWrites = {
      querySet,
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
    };
    return beginComputePass.call(this, { ...descriptor, timestampWrites });
  };
  try {
    await work();
  } finally {
    prototype.beginComputePass = beginComputePass;
  }
  return passes;
}

/** Beginning and end of each pass, in nanoseconds. */
async function readTimes(device, querySet, passes) {
  const size = 16 * passes;
  const resolved = device.createBuffer({
    size,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const read = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(querySet, 0, 2 * passes, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const ticks = new BigUint64Array(read.getMappedRange().slice(0));
  for (const buffer of [resolved, read]) buffer.destroy();
  return Array.from({ length: passes }, (_, pass) => [ticks[2 * pass], ticks[2 * pass + 1]]);
}
