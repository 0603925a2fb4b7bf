import { LetheError } from "#lib/errors.ts";

const distrust = "do not rely on this bundle; ask the controller for it again, and keep this copy";

/** File names come from whoever made the directory: quoted, so that they cannot write to the reader's terminal. */
export const quoted = (name: string): string =>
  /^[\w.-]{1,100}$/.test(name) ? name : JSON.stringify(name.slice(0, 100));

export const tampered = (file: string, what: string, cause?: unknown): LetheError =>
  new LetheError("EVIDENCE_TAMPERED", `${quoted(file)} ${what}`, {
    hint: distrust,
    place: { file: quoted(file) },
    cause,
  });

export const missing = (file: string, what: string, cause?: unknown): LetheError =>
  new LetheError("EVIDENCE_MISSING", `${quoted(file)} ${what}`, {
    hint: "give the directory of a complete bundle, with every file that was in it",
    place: { file: quoted(file) },
    cause,
  });
