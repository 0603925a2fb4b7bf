import { createPublicKey } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import type { Context } from "#context.ts";
import { checkpointFile } from "#evidence/entries-file.ts";
import { originOf, type Checkpoint } from "#ledger/checkpoint.ts";
import { verifyCheckpoint } from "#ledger/verify-checkpoint.ts";
import { errnoOf, isCode } from "#lib/errno.ts";
import { LetheError } from "#lib/errors.ts";
import { isRunIdentifier } from "#lib/random.ts";

type Parts = Pick<Context, "config" | "keys" | "state">;

/**
 * Refuses to work with a database of Lethe's own that is of a time before the newest report: one that was restored, perhaps along with a store on the
 * same server. It does not know who was erased since, so that nobody would recognise them in a store that was taken back with it, and what it would write
 * into the ledger would contradict what it has signed. The reports tell, since they lie elsewhere: the newest has to end at a head that the ledger had.
 *
 * @throws LetheError `STATE_RESTORED`, `REPORTS_UNREADABLE`
 */
export const assertStateIsNewest = async (ctx: Parts): Promise<void> => {
  // First the files: what is reported while we look is on record by the time that we ask.
  const newest = await newestReport(ctx);
  if (newest === undefined) return;
  const { size, root } = newest.checkpoint;
  const { rows } = await sql`select from lethe.checkpoint where size = ${size} and root = ${root}`.execute(
    ctx.state.db,
  );
  if (rows.length > 0) return;
  throw new LetheError("STATE_RESTORED", `Lethe's own database does not know its report ${newest.name}`, {
    hint: "it was restored to a time before that: restore its newest backup, or name a `reports.directory` of its own where another database reports there; if there is no newer backup, README.md says under STATE_RESTORED what to do",
  });
};

type SignedReport = { readonly name: string; readonly checkpoint: Checkpoint };

/** Clocks of several machines differ, and a run may end after one that began later. */
const lookedAt = 20;

/** Of the newest reports of runs, by their names, that our key signed for our controller: the one with the most entries. */
const newestReport = async ({ config, keys }: Parts): Promise<SignedReport | undefined> => {
  const { directory } = config.reports;
  const origin = originOf(config.controller.name);
  const publicKey = createPublicKey(keys.signing);
  const found: SignedReport[] = [];
  try {
    const names = (await orNothing(readdir(directory))) ?? [];
    for (const name of names.filter(isRunIdentifier).toSorted().toReversed()) {
      const note = await orNothing(readFile(join(directory, name, checkpointFile), "utf8"));
      const opened = note === undefined ? undefined : verifyCheckpoint(note, publicKey);
      // One that somebody has changed is the affair of `lethe verify`.
      if (opened?.ok === true && opened.value.origin === origin) found.push({ name, checkpoint: opened.value });
      if (found.length === lookedAt) break;
    }
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new LetheError("REPORTS_UNREADABLE", `the reports in ${directory} cannot be read (${errno})`, {
      hint: "let this user read them: they tell whether Lethe's own database was taken back",
      cause: error,
    });
  }
  return found.toSorted((a, b) => b.checkpoint.size - a.checkpoint.size)[0];
};

const orNothing = async <T>(reading: Promise<T>): Promise<T | undefined> => {
  try {
    return await reading;
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR", "EISDIR")) return undefined;
    throw error;
  }
};
