/**
 * Records of batches, made one after the other while the store works on the next batch: they go into Lethe's own database, and the store need not wait.
 * A crash meanwhile leaves batches frozen whose journal the next run reads.
 */
export class Records {
  readonly #collect: (batch: string) => Promise<unknown>;
  #latest: Promise<unknown> = Promise.resolve();

  constructor(collect: (batch: string) => Promise<unknown>) {
    this.#collect = collect;
  }

  /** Waits for the record before this one, so that no more than one is behind. */
  async add(batch: string): Promise<void> {
    await this.#latest;
    this.#latest = this.#collect(batch);
    // Whoever waits for it hears of its failure.
    this.#latest.catch(() => undefined);
  }

  async complete(): Promise<void> {
    await this.#latest;
  }
}
