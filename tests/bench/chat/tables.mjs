// What the report of the chat suite shows.
import { figure, table } from "../tables.mjs";

const US = "inglenook";

/** Speed; the ratios to the best peer; aborts; loading. */
export function sections(run, report) {
  return [speedTable(run, report), ratioList(run, report), abortLine(report), loadTable(run, report)];
}

/** The cases in which every library reads or writes. */
const timed = (cases) => cases.filter(({ phase }) => phase !== "abort");

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
  const rows = timed(run.cases).flatMap(({ name }) =>
    run.libraries.map((lib) => speedRow(report, name, lib)),
  );
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

/** What is compared with the best peer. */
function comparisonsOf({ cases, load }) {
  const speeds = timed(cases).map(({ name }) => ({ case: name, metric: "tokens_per_s", higher: true }));
  const loading = [
    { case: "load", metric: "first_token_ms", higher: false },
    { case: "load-cached", metric: "first_token_ms", higher: false },
    { case: "memory", metric: "peak_rss_mb", higher: false },
  ];
  return load ? [...speeds, ...loading] : speeds;
}

/** Each comparison with the best of the peers, and our figure divided by that one's. */
export function ratiosToBest(run, report) {
  return comparisonsOf(run).flatMap(({ case: name, metric, higher }) => {
    const ours = report.summary(name, US, metric);
    const peers = run.libraries
      .filter((lib) => !lib.startsWith(US) && !report.trouble(name, lib) && !report.trouble("load", lib))
      .map((lib) => ({ lib, value: report.summary(name, lib, metric)?.median }))
      .filter(({ value }) => value !== undefined)
      .sort((a, b) => (higher ? b.value - a.value : a.value - b.value));
    const [best] = peers;
    return ours && best
      ? [{ case: name, metric, higher, peer: best.lib, ratio: ours.median / best.value }]
      : [];
  });
}

function ratioList(run, report) {
  return ratiosToBest(run, report)
    .map(({ case: name, metric, higher, peer, ratio }) => {
      const what = higher ? "the fastest peer" : `the ${metric} of the best peer`;
      return `- ${name}: ${ratio.toFixed(2)} × ${what}, ${peer}${higher ? "" : " (less is better)"}`;
    })
    .join("\n");
}

function abortLine(report) {
  const times = report.summary("abort", US, "abort_ms");
  if (!times) return "";
  const [median, min, max] = [times.median, times.min, times.max].map(figure);
  return `- abort: ${US} is free again after ${median} ms (${min} to ${max}, ${times.n} aborts)`;
}

function loadTable(run, report) {
  if (!run.load) return "";
  const header = [
    "library",
    "load ms",
    "to first token",
    "from its cache ms",
    "to first token",
    "peak renderer RSS, MB",
  ];
  const rows = run.libraries.map((lib) => {
    const cell = (wanted, metric) => figure(report.summary(wanted, lib, metric)?.median);
    return [
      lib,
      report.trouble("load", lib) ? "ERROR" : cell("load", "load_ms"),
      cell("load", "first_token_ms"),
      cell("load-cached", "load_ms"),
      cell("load-cached", "first_token_ms"),
      cell("memory", "peak_rss_mb"),
    ];
  });
  return table(header, rows, 1);
}
