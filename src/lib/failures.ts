/** One part of the night that fails does not keep the others from being done; the first failure is what the night ends with. */
export class Failures {
  readonly #errors: unknown[] = [];
  /** Returns whether it went well. */
  async collect(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#errors.push(error);
      return false;
    }
  }
  rethrow(): void {
    if (this.#errors.length > 0) throw this.#errors[0];
  }
}
