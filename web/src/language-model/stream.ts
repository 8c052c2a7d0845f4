/** Makes `stream` one that `for await` takes, which the streams of Safari and other WebKits are not. */
export function iterable<T>(stream: ReadableStream<T>): ReadableStream<T> {
  if (Symbol.asyncIterator in stream) return stream;
  return Object.defineProperty(stream as ReadableStream<T>, Symbol.asyncIterator, {
    value: () => chunksOf(stream),
  });
}

/** What a stream gives; whoever takes no more of it cancels it. */
async function* chunksOf<T>(stream: ReadableStream<T>): AsyncGenerator<T, void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    const cancelled = reader.cancel();
    reader.releaseLock();
    await cancelled;
  }
}
