/** The encrypted copy of one subject's rows: what was written. */
export type Exported = {
  readonly request: number;
  readonly ref: string;
  /** Of the encrypted file, lower-case hexadecimal, and how long that is. */
  readonly sha256: string;
  readonly bytes: number;
  /** Rows of the subject in it. */
  readonly rows: number;
};

/** The exports of one batch in one store, on the disk and not yet where anybody looks for them. */
export type WrittenExports = {
  readonly store: string;
  /** Where they lie until then, under the names that they will have. */
  readonly partial: string;
  readonly exports: readonly Exported[];
};

/** The name of an export in its directory. The reference is random and names nobody (I8). */
export const exportFile = (ref: string, store: string): string => `${ref}.${store}.jsonl.age`;
