/**
 * @typedef {object} Reporter
 * @property {boolean} interactive  Whether a person watches a terminal.
 * @property {(line: string) => void} line  Writes a line of its own.
 * @property {(label: string, done: number, total: number | undefined) => void} progress  Bytes done so far, of a total where it is known.
 */

const REDRAW_MS = 100;
const SPARSE_STEP = 0.25;

/**
 * Reports to a stream: a line that is redrawn on a terminal, a line every quarter elsewhere.
 * @param {{ write(text: string): unknown, isTTY?: boolean }} stream
 * @returns {Reporter}
 */
export function streamReporter(stream) {
  return stream.isTTY ? terminalReporter(stream) : sparseReporter(stream);
}

/** @type {Reporter} */
export const silentReporter = { interactive: false, line() {}, progress() {} };

/**
 * @param {{ write(text: string): unknown }} stream
 * @returns {Reporter}
 */
function terminalReporter(stream) {
  let drawn = 0;
  return {
    interactive: true,
    line: (line) => stream.write(`\r\x1b[K${line}\n`),
    progress(label, done, total) {
      const now = Date.now();
      if (now - drawn < REDRAW_MS && done !== total) return;
      drawn = now;
      stream.write(`\r\x1b[K${describe(label, done, total)}`);
    },
  };
}

/**
 * @param {{ write(text: string): unknown }} stream
 * @returns {Reporter}
 */
function sparseReporter(stream) {
  let last = "";
  return {
    interactive: false,
    line: (line) => stream.write(`${line}\n`),
    progress(label, done, total) {
      const step = total ? Math.floor(done / total / SPARSE_STEP) : 0;
      if (last === `${label} ${step}`) return;
      last = `${label} ${step}`;
      stream.write(`${describe(label, done, total)}\n`);
    },
  };
}

/**
 * @param {string} label
 * @param {number} done
 * @param {number | undefined} total
 */
function describe(label, done, total) {
  if (!total) return `${label}: ${megabytes(done)}`;
  const percent = Math.floor((100 * done) / total);
  return `${label}: ${megabytes(done)} of ${megabytes(total)} (${percent} %)`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
