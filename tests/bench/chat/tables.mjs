// What the report of the chat suite shows.
import { figure, table } from "../tables.mjs";

const US = "inglenook";

/** Speed; the ratios to the fastest peer; loading. */
export function sections(run, report) {
  return [speedTable(run, report), ratioList(run, report), loadTable(run, report)];
}

function speedTable(run, report) {
  const header = [
    "case",
    "library",
    "tokens/s",
    "min",
    "max",
    `${US} ÷ it`,
    "first token ms",
    "CPU ms",
    "same start",
  ];
  const rows = run.cases.flatMap(({ name }) => run.libraries.map((lib) => speedRow(report, name, lib)));
  return table(header, rows, 2);
}

function speedRow(report, wanted, lib) {
  const trouble = report.trouble(wanted, lib) ?? report.trouble("load", lib);
  const speed = report.summary(wanted, lib, "tokens_per_s");
  if (!speed) return [wanted, lib, trouble ? trouble.kind.toUpperCase() : "–", "", "", "", "", "", ""];
  const ours = report.summary(wanted, US, "tokens_per_s");
  return [
    wanted,
    lib,
    figure(speed.median) + (trouble ? ` ${trouble.kind.toUpperCase()}` : ""),
    figure(speed.min),
    figure(speed.max),
    ours && lib !== US ? (ours.median / speed.median).toFixed(2) : "",
    figure(report.summary(wanted, lib, "first_token_ms")?.median),
    figure(report.summary(wanted, lib, "cpu_ms")?.median),
    report.agreementOf(wanted, lib)?.measure.toString() ?? "",
  ];
}

/** Each case with the fastest of the peers, and how many times as fast Inglenook is. */
export function ratiosToFastest(run, report) {
  return run.cases.flatMap(({ name }) => {
    const ours = report.summary(name, US, "tokens_per_s");
    const peers = run.libraries
      .filter((lib) => lib !== US && !report.trouble(name, lib))
      .map((lib) => ({ lib, speed: report.summary(name, lib, "tokens_per_s")?.median }))
      .filter(({ speed }) => speed !== undefined)
      .sort((a, b) => b.speed - a.speed);
    const [fastest] = peers;
    return ours && fastest ? [{ case: name, peer: fastest.lib, ratio: ours.median / fastest.speed }] : [];
  });
}

function ratioList(run, report) {
  return ratiosToFastest(run, report)
    .map(({ case: name, peer, ratio }) => `- ${name}: ${ratio.toFixed(2)} × the fastest peer, ${peer}`)
    .join("\n");
}

function loadTable(run, report) {
  if (!run.load) return "";
  const header = ["library", "load ms", "load to first token ms", "peak renderer RSS, MB"];
  const rows = run.libraries.map((lib) => {
    const cell = (wanted, metric) => figure(report.summary(wanted, lib, metric)?.median);
    return [
      lib,
      report.trouble("load", lib) ? "ERROR" : cell("load", "load_ms"),
      cell("load", "first_token_ms"),
      cell("memory", "peak_rss_mb"),
    ];
  });
  return table(header, rows, 1);
}
