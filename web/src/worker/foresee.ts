import type { FileSink } from "./wanted.js";

/** Bytes of a file that fits whatever its weights become, which is a quarter more at most. */
const SMALL = 2 ** 31;
/** Bytes of a header, as a first guess. */
const FIRST = 2 ** 20;

/**
 * The sink, which also asks whether the model will fit into memory, as soon as the beginning of a large file is there, or
 * of one of unknown length. `foresee` throws if not, and gives `false` where too little has come to say.
 */
export function foreseeing(sink: FileSink, foresee: () => boolean): FileSink {
  let received = 0;
  let next = 0;
  return {
    open: (path, bytes, sha256) => {
      sink.open(path, bytes, sha256);
      received = 0;
      next = bytes !== undefined && bytes <= SMALL ? Number.POSITIVE_INFINITY : FIRST;
    },
    push: (chunk) => {
      sink.push(chunk);
      received += chunk.length;
      if (received >= next) next = foresee() ? Number.POSITIVE_INFINITY : 2 * received;
    },
    close: () => sink.close(),
  };
}
