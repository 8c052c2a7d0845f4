// What was measured, as one table for each part.
import { figure, table } from "../tables.mjs";

/** Columns by the names of values: heading and unit. What is not here is only in the JSON. */
const COLUMNS = {
  tokens_per_s: { heading: "tokens/s" },
  ms: { heading: "ms" },
  run_ms: { heading: "run ms" },
  cold_ms: { heading: "cold ms" },
  busy_ms: { heading: "GPU busy ms" },
  hostMs: { heading: "host ms" },
  gpuCallMs: { heading: "of it WebGPU" },
  dispatches: { heading: "dispatches" },
  passes: { heading: "passes" },
  submits: { heading: "submits" },
  writes: { heading: "writes" },
  maps: { heading: "maps" },
  cold_pipelines: { heading: "pipelines" },
  bytes_per_s: { heading: "GB/s", scale: 1e-9 },
  busy_bytes_per_s: { heading: "GB/s while busy", scale: 1e-9 },
  busy_memory_percent: { heading: "% of memory while busy" },
  memory_percent: { heading: "% of memory" },
  flops_per_s: { heading: "GFLOP/s", scale: 1e-9 },
  f32_percent: { heading: "% of f32" },
  load_ms: { heading: "load ms" },
  file_mb: { heading: "file MB" },
  read_back_us: { heading: "read back µs" },
  dispatch_us: { heading: "dispatch µs" },
  dispatch_alone_us: { heading: "dispatch alone µs" },
  cosine: { heading: "least cosine", digits: 6 },
  name: { heading: "adapter" },
};

export function render(rows, troubles) {
  const parts = [...new Set(rows.map((row) => row.part))];
  const tables = parts.map((part) => `${part}\n\n${tableOf(rows.filter((row) => row.part === part))}`);
  return [...tables, ...troubles.map(({ part, message }) => `- FAILED: ${part}: ${message}`)].join("\n\n");
}

function tableOf(rows) {
  const columns = Object.keys(COLUMNS).filter((name) => rows.some((row) => row.values[name] !== undefined));
  const header = ["case", ...columns.map((name) => COLUMNS[name].heading)];
  const lines = rows.map((row) => [
    row.case,
    ...columns.map((name) => cell(row.values[name], COLUMNS[name])),
  ]);
  return table(header, lines, 1);
}

function cell(value, { scale = 1, digits }) {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  const number = (value.median ?? value) * scale;
  if (digits) return number.toFixed(digits);
  return Number.isInteger(number) ? String(number) : figure(number);
}
