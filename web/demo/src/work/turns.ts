/** Lets short work (a query) go before long work (embedding files) at the one model they share. */
export class Turns {
  #urgent = 0;
  #waiting: (() => void)[] = [];

  /** Runs at once; long work waits until all urgent work is over. */
  async urgent<T>(work: () => Promise<T>): Promise<T> {
    this.#urgent++;
    try {
      return await work();
    } finally {
      this.#urgent--;
      if (this.#urgent === 0) for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  /** Resolves when no urgent work is under way. */
  async whenQuiet(): Promise<void> {
    while (this.#urgent > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}
