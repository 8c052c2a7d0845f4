const EVERY_MS = 500;
/** How much the newest half second counts. */
const WEIGHT = 0.3;

/** How fast bytes have come of late. */
export class Rate {
  /** Bytes a second; `undefined` in the first half second. */
  perSecond: number | undefined;
  #since = performance.now();
  #bytes = 0;

  add(bytes: number): void {
    this.#bytes += bytes;
    const now = performance.now();
    const ms = now - this.#since;
    if (ms < EVERY_MS) return;
    const newest = (this.#bytes / ms) * 1000;
    this.perSecond =
      this.perSecond === undefined ? newest : this.perSecond + WEIGHT * (newest - this.perSecond);
    this.#since = now;
    this.#bytes = 0;
  }
}
