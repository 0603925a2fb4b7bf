/** The code with which a system call failed, e.g. `ENOENT`; undefined for every other error. */
export const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;

/** Whether it failed with one of these. */
export const isCode = (error: unknown, ...codes: readonly string[]): boolean => codes.includes(errnoOf(error) ?? "");
