// A report as Markdown.

const US = "inglenook";

/** The whole report: how it was measured, time per text, loading, troubles. */
export function render(run, report) {
  const parts = [heading(run), timeTable(run, report), loadTable(run, report), troubleList(report)];
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

function timeTable(run, report) {
  const header = ["case", "library", "ms per text", "min", "max", `${US} ÷ it`, "CPU ms per text", "cosine"];
  const rows = run.cases.flatMap(({ name }) => run.libraries.map((lib) => timeRow(report, name, lib)));
  return table(header, rows, 2);
}

function timeRow(report, wanted, lib) {
  const trouble = report.trouble(wanted, lib) ?? report.trouble("load", lib);
  const time = report.summary(wanted, lib, "time_per_text_ms");
  if (!time) return [wanted, lib, trouble ? "ERROR" : "–", "", "", "", "", ""];
  const ours = report.summary(wanted, US, "time_per_text_ms");
  const cpu = report.summary(wanted, lib, "cpu_per_text_ms");
  const agreement = report.agreementOf(wanted, lib);
  return [
    wanted,
    lib,
    figure(time.median) + (trouble ? ` ${trouble.kind.toUpperCase()}` : ""),
    figure(time.min),
    figure(time.max),
    ours && lib !== US ? (ours.median / time.median).toFixed(2) : "",
    figure(cpu.median),
    agreement ? agreement.cosine.toFixed(6) : "reference",
  ];
}

function loadTable(run, report) {
  if (!run.load) return "";
  const header = ["library", "load ms", "load ms, cached", "peak renderer RSS, MB", "js + wasm, brotli MB"];
  const rows = run.libraries.map((lib) => {
    const cell = (wanted, metric) => figure(report.summary(wanted, lib, metric)?.median);
    return [
      lib,
      report.trouble("load", lib) ? "ERROR" : cell("load", "load_ms"),
      cell("load-cached", "load_ms"),
      cell("load", "peak_rss_mb"),
      cell("load", "download_mb"),
    ];
  });
  return table(header, rows, 1);
}

function troubleList(report) {
  return report.troubles
    .map(({ kind, case: wanted, lib, message }) => `- ${kind.toUpperCase()}: ${lib}, ${wanted}: ${message}`)
    .join("\n");
}

function figure(value) {
  if (value === undefined) return "–";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** A Markdown table whose first `labels` columns are text, the others figures. */
function table(header, rows, labels) {
  const widths = header.map((_, at) => Math.max(...[header, ...rows].map((row) => row[at].length)));
  const pad = (cell, at) => (at < labels ? cell.padEnd(widths[at]) : cell.padStart(widths[at]));
  const line = (cells) => `| ${cells.map(pad).join(" | ")} |`;
  const rule = widths.map((width, at) => (at < labels ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`));
  return [line(header), `|${rule.join("|")}|`, ...rows.map(line)].join("\n");
}
