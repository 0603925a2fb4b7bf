/** The encrypted copy of one subject's rows in one store: what was written. */
export type Exported = {
  readonly request: number;
  readonly ref: string;
  readonly store: string;
  /** Of the encrypted file, lower-case hexadecimal, and how long that is. */
  readonly sha256: string;
  readonly bytes: number;
  /** Rows of the subject in it. */
  readonly rows: number;
};

/** The name of an export in its directory. The reference is random and names nobody (I8). */
export const exportFile = (ref: string, store: string): string => `${ref}.${store}.jsonl.age`;
