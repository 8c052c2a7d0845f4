// Collects samples and troubles, and turns them into rows.

import { ALONE } from "./suites.mjs";

const UNITS = {
  time_per_text_ms: "ms",
  cpu_per_text_ms: "ms",
  load_ms: "ms",
  first_token_ms: "ms",
  tokens_per_s: "tokens/s",
  cpu_ms: "ms",
  abort_ms: "ms",
  peak_rss_mb: "MB",
  download_mb: "MB",
};

export class Report {
  #samples = new Map();
  #agreements = new Map();
  #answers = new Map();
  troubles = [];

  sample(wanted, lib, metric, value) {
    const key = JSON.stringify([wanted, lib, metric]);
    if (!this.#samples.has(key)) this.#samples.set(key, []);
    this.#samples.get(key).push(value);
  }

  /** Records how far a library agrees with `reference`: the lowest cosine, or the characters of an answer in common. */
  agreement(wanted, lib, reference, measure) {
    this.#agreements.set(JSON.stringify([wanted, lib]), { reference, measure });
  }

  /** Records what a library wrote; each of its answers has to be the same. */
  answer(wanted, lib, text) {
    const key = JSON.stringify([wanted, lib]);
    const earlier = this.#answers.get(key);
    if (earlier !== undefined && earlier !== text)
      this.wrong(wanted, lib, "it answered the same prompt differently");
    this.#answers.set(key, text);
  }

  answerOf(wanted, lib) {
    return this.#answers.get(JSON.stringify([wanted, lib]));
  }

  /** A library that threw. */
  failed(wanted, lib, message) {
    this.troubles.push({ kind: "error", case: wanted, lib, message: message.split("\n")[0] });
  }

  /** A library whose answer is not the same as the others'. */
  wrong(wanted, lib, message) {
    this.troubles.push({ kind: "wrong", case: wanted, lib, message });
  }

  trouble(wanted, lib) {
    return this.troubles.find((entry) => entry.case === wanted && entry.lib === lib);
  }

  agreementOf(wanted, lib) {
    return this.#agreements.get(JSON.stringify([wanted, lib]));
  }

  /** `{ median, min, max, n }` of what was sampled, or undefined. */
  summary(wanted, lib, metric) {
    const samples = this.#samples.get(JSON.stringify([wanted, lib, metric]));
    return samples && summarise(samples);
  }

  /** One row for each case, library and metric, `run` saying how they were measured. Wrong answers have none. */
  rows(run) {
    return [...this.#samples].flatMap(([key, samples]) => {
      const [wanted, lib, metric] = JSON.parse(key);
      if (this.trouble(wanted, lib)) return [];
      const version = run.versions[lib];
      const { suite, adapter: device, dtype } = run;
      const threads = lib === ALONE ? 1 : run.threads;
      const what = { suite, case: wanted, lib, version, device, threads, dtype, metric, unit: UNITS[metric] };
      return [{ ...what, ...summarise(samples) }];
    });
  }
}

function summarise(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median: round(median), min: round(sorted[0]), max: round(sorted.at(-1)), n: sorted.length };
}

const round = (value) => Number(value.toPrecision(5));
