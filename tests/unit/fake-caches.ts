/** Stands in for the browser's CacheStorage, with one cache. An entry exists once its body has ended well. */
export class FakeCaches {
  /** Makes every `put` fail as a full disk does. */
  failPut: "at once" | "in the middle" | undefined;
  readonly #entries = new Map<string, Buffer>();

  async open() {
    return {
      match: async (key: string) => {
        const content = this.#entries.get(key);
        return content && new Response(new Uint8Array(content));
      },
      put: (key: string, response: Response) => this.#put(key, response),
      delete: async (key: string) => this.#entries.delete(key),
    };
  }

  store(key: string, content: Buffer): void {
    this.#entries.set(key, content);
  }

  async content(key: string): Promise<Buffer | undefined> {
    return this.#entries.get(key);
  }

  async #put(key: string, response: Response): Promise<void> {
    const full = new DOMException("full", "QuotaExceededError");
    if (this.failPut === "at once") throw full;
    const chunks: Uint8Array[] = [];
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      if (this.failPut === "in the middle") throw full;
    }
    this.#entries.set(key, Buffer.concat(chunks));
  }
}
