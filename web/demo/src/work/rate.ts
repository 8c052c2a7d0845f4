interface Sample {
  readonly at: number;
  readonly done: number;
}

/** Measures the recent speed of counted work. Times are in milliseconds from any fixed origin. */
export class Rate {
  readonly #window: number;
  #samples: Sample[] = [];

  constructor(windowMs = 8000) {
    this.#window = windowMs;
  }

  /** Forgets what was measured; work starts (again) at `at` with `done` already done. */
  restart(at: number, done: number): void {
    this.#samples = [{ at, done }];
  }

  record(at: number, done: number): void {
    this.#samples.push({ at, done });
    while (this.#samples.length > 2 && at - (this.#samples[1] as Sample).at >= this.#window)
      this.#samples.shift();
  }

  /** Null until something was done in measurable time. */
  perSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined) return null;
    const elapsed = last.at - first.at;
    return elapsed > 0 && last.done > first.done ? ((last.done - first.done) * 1000) / elapsed : null;
  }

  /** Seconds until `left` more are done at the measured speed. */
  remaining(left: number): number | null {
    const speed = this.perSecond();
    return speed === null ? null : left / speed;
  }
}
