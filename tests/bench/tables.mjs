// A report as Markdown.

/** The whole report: how it was measured, the suite's own `sections`, troubles. */
export function render(run, sections, report) {
  const parts = [heading(run), ...sections, troubleList(report)];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function heading(run) {
  const { machine, suite, adapter, software } = run;
  const lines = [
    `# ${suite}, ${machine.date}`,
    "",
    `- ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.os}; Chromium ${machine.chromium}`,
    `- load average before ${machine.loadBefore}, after ${machine.loadAfter}`,
    `- model ${run.model}, ${run.dtype}; device: ${adapter}; threads: ${run.threads} (page cross-origin isolated: ${machine.isolated ? "yes" : "no"})`,
    `- ${Object.entries(run.versions)
      .map(([lib, version]) => `${lib} ${version}`)
      .join(", ")}; ${run.rounds} rounds, libraries interleaved`,
  ];
  if (machine.busy)
    lines.push("- **The machine was busy: compare nothing but ratios, and those with care.**");
  if (software)
    lines.push("- **SOFTWARE ADAPTER: this is no GPU. These times say nothing about WebGPU's speed.**");
  return lines.join("\n");
}

function troubleList(report) {
  return report.troubles
    .map(({ kind, case: wanted, lib, message }) => `- ${kind.toUpperCase()}: ${lib}, ${wanted}: ${message}`)
    .join("\n");
}

/** Three digits, or a dash for what was not measured. */
export function figure(value) {
  if (value === undefined) return "–";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A Markdown table whose first `labels` columns are text, the others figures. */
export function table(header, rows, labels) {
  const widths = header.map((_, at) => Math.max(...[header, ...rows].map((row) => row[at].length)));
  const pad = (cell, at) => (at < labels ? cell.padEnd(widths[at]) : cell.padStart(widths[at]));
  const line = (cells) => `| ${cells.map(pad).join(" | ")} |`;
  const rule = widths.map((width, at) => (at < labels ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`));
  return [line(header), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}
