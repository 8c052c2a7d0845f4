// Dawn's bindings for Node take no views of shared memory, and a build with threads has no other.

/** Has `writeBuffer` copy what lies in shared memory. */
export function acceptSharedMemory() {
  const { writeBuffer } = GPUQueue.prototype;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, from = 0, size = undefined) {
    const memory = data.buffer ?? data;
    if (!(memory instanceof SharedArrayBuffer))
      return writeBuffer.call(this, buffer, offset, data, from, size);
    // Of typed arrays both are elements; of buffers, bytes.
    const view = data.buffer ? data : new Uint8Array(data);
    const part = view.subarray(from, size === undefined ? undefined : from + size);
    const copy = new Uint8Array(part.byteLength);
    copy.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    return writeBuffer.call(this, buffer, offset, copy);
  };
}
