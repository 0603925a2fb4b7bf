/**
 * What a long piece of work tells the person who waits. A terminal shows one moving line, anything else gets plain
 * lines; `--json` and `schedule` get none. Labels name stages, stores and tables, never people.
 */
export type Progress = {
  /** Begins a stage; ends the one before it. */
  stage(label: string): void;
  /** `done` of `total` units (total undefined while it is not known). */
  advance(done: number, total: number | undefined, unit: string): void;
  /** Ends the current stage with what came of it: one short sentence. */
  end(result: string): void;
};

export const silentProgress: Progress = { stage: () => undefined, advance: () => undefined, end: () => undefined };
