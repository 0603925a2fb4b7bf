/**
 * Exceptions of Art. 17(3) GDPR by their letters: (a) freedom of expression and information, (b) a legal obligation, or a task in the public
 * interest or of official authority, (c) public health, (d) archiving, research and statistics, (e) legal claims.
 */
export const exceptionLetters = ["a", "b", "c", "d", "e"] as const;
export type ExceptionLetter = (typeof exceptionLetters)[number];

/**
 * A category of data that an approval leaves in place because the law says so (A6): the records of one table. What a policy leaves on
 * purpose (`stays`) rests on no exception, and is none of these.
 */
export type DecidedException = {
  readonly store: string;
  readonly table: string;
  readonly exception: ExceptionLetter;
  /** The citation. */
  readonly basis: string;
  /** The policy's retention class. */
  readonly class: string;
};
