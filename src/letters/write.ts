import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { composeLetter, type Letter } from "#letters/compose.ts";
import { readLanguage, type LetterKind } from "#letters/language.ts";
import { letterPdf } from "#letters/pdf.ts";
import { isCode } from "#lib/errno.ts";

export type Written = Letter & { readonly files: readonly string[] };

/** Writes a text as Markdown and as PDF into a folder: two files, named by the request's reference. Throws `FILE_EXISTS` for neither to be overwritten. */
export const writeLetter = async (
  ctx: Context,
  reference: string,
  { kind, language, directory }: { readonly kind: LetterKind; readonly language: string; readonly directory: string },
): Promise<Written> => {
  const letter = await composeLetter(ctx, reference, kind, await readLanguage(language));
  const base = join(directory, `${letter.reference}-${kind}-${language}`);
  const pdf = await letterPdf(letter, ctx.clock.now());
  await mkdir(directory, { recursive: true });
  const files = [`${base}.md`, `${base}.pdf`];
  await create(files[0] ?? "", letter.markdown);
  await create(files[1] ?? "", pdf);
  return { ...letter, files };
};

const create = async (file: string, content: string | Buffer): Promise<void> => {
  await writeFile(file, content, { flag: "wx", mode: 0o600 }).catch((error: unknown) => {
    if (!isCode(error, "EEXIST")) throw error;
    throw new LetheError("FILE_EXISTS", `${file} is there already`, {
      hint: "name another folder with --out, or move the file away: a letter that was sent is not overwritten",
    });
  });
};
