import { appendFile, cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BaseBackup } from "#backups/directory/base-backup.ts";
import { archivesIn } from "#backups/directory/tar.ts";
import type { Restored, RestoreInto } from "#backups/repository.ts";
import { LetheError } from "#lib/errors.ts";
import { runProgram } from "#lib/run-program.ts";

/**
 * Copies a base backup to where a server can start on it, and lets it fetch from the archive `wal` what it needs to be consistent. Throws
 * `DRILL_FAILED`, and `DRILL_IMPOSSIBLE` for what only an operator can put together.
 */
export const restoreBaseBackup = async (
  base: BaseBackup,
  { data, signal }: RestoreInto,
  wal: string | undefined,
): Promise<Restored> => {
  if (base.links.length > 0) throw impossible("has files elsewhere");
  if (base.label?.from !== undefined)
    throw impossible("builds on others, and pg_combinebackup has to put them together");
  if (base.format === "plain") await cp(base.path, data, { recursive: true, filter: () => !signal.aborted });
  else await unpack(base.path, data, signal);
  if (wal !== undefined) await recoverFrom(wal, data);
  return { kind: "cluster", data };
};

const unpack = async (path: string, data: string, signal: AbortSignal): Promise<void> => {
  for (const { name, what } of (await archivesIn(path)).archives) {
    if (what !== "base" && what !== "pg_wal") throw impossible("has tablespaces");
    const into = what === "base" ? data : join(data, "pg_wal");
    const args = ["--extract", `--file=${join(path, name)}`, `--directory=${into}`];
    const { code } = await runProgram("tar", args, { signal });
    if (code === 0) continue;
    throw new LetheError("DRILL_FAILED", `${name} cannot be unpacked`, {
      hint: "unpack it by hand to see why; tar and what compressed it have to be installed",
    });
  }
};

/** As far as the backup itself needs the log, and no further. */
const recoverFrom = async (wal: string, data: string): Promise<void> => {
  const segment = (end: string): string => `"${wal}/%f${end}"`;
  const command = `cp ${segment("")} "%p" || gzip -dc ${segment(".gz")} > "%p" || zstd -dqc ${segment(".zst")} > "%p"`;
  const settings = { restore_command: command, recovery_target: "immediate", recovery_target_action: "promote" };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  await appendFile(join(data, "postgresql.auto.conf"), lines.join(""));
  await writeFile(join(data, "recovery.signal"), "");
};

const impossible = (why: string): LetheError =>
  new LetheError("DRILL_IMPOSSIBLE", `the base backup ${why}`, { hint: "restore it by hand to try it" });
