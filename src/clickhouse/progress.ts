import { sql } from "kysely";
import type { Context } from "#context.ts";

/** A partition, as it was when moving rows into it began. */
export type Moving = {
  /** The names of its parts. */
  readonly parts: readonly string[];
  /** The last of its blocks. */
  readonly last: number;
  /** Of the parts that were to be moved: they may be merged before anybody looks again. */
  readonly hashes: readonly string[];
  /** When the server had started then, in seconds since 1970: a server that has not died since has moved all or nothing. */
  readonly started: number;
};

/** How far a batch is in one table. */
export type TableProgress = {
  readonly removing?: true;
  readonly removed?: true;
  /** By partition. */
  readonly moving?: Readonly<Record<string, Moving>>;
};

/** By the place of the step. */
export type Progress = Readonly<Record<string, TableProgress>>;

/** What a batch has done so far, kept in Lethe's own database: each step is noted before it is taken. */
export class BatchProgress {
  readonly #ctx: Context;
  readonly #batch: string;
  #progress: Progress;

  constructor(ctx: Context, batch: string, progress: Progress) {
    this.#ctx = ctx;
    this.#batch = batch;
    this.#progress = progress;
  }

  of(place: number): TableProgress {
    return this.#progress[place] ?? {};
  }

  get begun(): boolean {
    return Object.keys(this.#progress).length > 0;
  }

  async note(place: number, more: TableProgress): Promise<void> {
    this.#progress = { ...this.#progress, [place]: { ...this.of(place), ...more } };
    await sql`update lethe.column_batch set progress = ${JSON.stringify(this.#progress)}::jsonb where id = ${this.#batch}`.execute(
      this.#ctx.state.db,
    );
  }
}
