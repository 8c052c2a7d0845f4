// What the report of an embedding suite shows.
import { figure, table } from "../tables.mjs";

const US = "inglenook";

/** Time per text; loading. */
export function sections(run, report) {
  return [timeTable(run, report), loadTable(run, report)];
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
    agreement ? agreement.measure.toFixed(6) : "reference",
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
