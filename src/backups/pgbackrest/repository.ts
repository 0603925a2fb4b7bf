import { Temporal } from "temporal-polyfill";
import type { PgBackRestConfig } from "#config.ts";
import type { PgBackup, StanzaInfo } from "#backups/pgbackrest/info.ts";
import { finishedAs } from "#backups/change-by.ts";
import { openPgBackRest, type PgBackRest } from "#backups/pgbackrest/program.ts";
import { retentionFindings } from "#backups/pgbackrest/retention.ts";
import { segmentsIn, type Segment } from "#backups/pgbackrest/wal.ts";
import { LetheError } from "#lib/errors.ts";
import type {
  BackupFinding,
  BackupSet,
  Inventory,
  KnownSet,
  LogArchive,
  Oddity,
  Repository,
} from "#backups/repository.ts";
import { isWhole } from "#backups/wal-segments.ts";

/**
 * A stanza in one repository of pgBackRest, by its own program, wherever the repository lies. A set is a backup, full, differential or incremental, and
 * its digest that of its manifest, which holds the checksums of all its files. The archive of the write-ahead log holds personal data as well: what
 * is older than the oldest full backup goes with every purge.
 */
export const pgbackrestRepository = (config: PgBackRestConfig): Repository => {
  const program = openPgBackRest(config);
  const { stanza } = config;
  let seen: Seen | undefined;
  let whole: Promise<ReadonlySet<string>> | undefined;
  return {
    inventory: async (known) => {
      const info = await program.info();
      const archives = await archivesOf(program, stanza, info);
      seen = { info, archives };
      const names = new Set(info.backup.map(({ label }) => label));
      const sets: BackupSet[] = [];
      const oddities: Oddity[] = [...(await strayIn(program, stanza, names))];
      for (const backup of info.backup) {
        const set = await setOf(program, stanza, backup, known.get(backup.label));
        if (set === undefined)
          oddities.push({ name: backup.label, code: "BACKUP_UNREADABLE", modified: startOf(backup) });
        else sets.push(set);
      }
      return { sets, names, oddities, logs: archives.flatMap(logOf) } satisfies Inventory;
    },

    verifyRestorable: async ({ name }) => {
      const backup = seen?.info.backup.find(({ label }) => label === name);
      if (seen === undefined || backup === undefined) return "BACKUP_UNREADABLE";
      if (backup.error === true) return "BACKUP_NOT_RESTORABLE";
      whole ??= wholeIn(program, seen);
      return (await whole).has(name) ? undefined : "BACKUP_NOT_RESTORABLE";
    },

    remove: async (set) => {
      const manifest = await program.digest(manifestOf(stanza, set.name));
      if (manifest === undefined) return (await isThere(program, set.name)) ? "refused" : "vanished";
      if (manifest !== set.sha256) return "changed";
      const expired = await program.expire(set.name, await fullsIn(program));
      return expired === "done" ? "removed" : expired;
    },

    restore: async ({ name }, into) => {
      if (await program.restore(name, into)) return { kind: "cluster", data: into.data };
      throw new LetheError("DRILL_FAILED", "pgbackrest does not restore the backup", {
        hint: `see why: pgbackrest --stanza=${stanza} --set=${name} --pg1-path=DIRECTORY restore`,
      });
    },

    // Times between a backup that only a legal hold keeps and the next nobody may go back to.
    finish: async ({ onlyHeld }) => finishedAs(await program.expire(undefined, await fullsIn(program, onlyHeld))),

    check: async () => [...rootFindings(config), ...(await retentionFindings(config, (await program.info()).backup))],

    present: async ({ name }) =>
      (await isThere(program, name)) || (await program.digest(manifestOf(stanza, name))) !== undefined,
  };
};

/** Even where nothing is due it writes the repository's lists anew: what root writes, the account that makes the backups cannot read. */
const rootFindings = ({ program }: PgBackRestConfig): readonly BackupFinding[] =>
  process.getuid?.() !== 0 || program !== "pgbackrest"
    ? []
    : [
        {
          code: "PROGRAM_AS_ROOT",
          message: "pgbackrest would be run as root, and what it writes in the repository be root's",
          hint: "run Lethe as the account that makes the backups, or name in `program` what runs pgbackrest as that account",
        },
      ];

/** What the last inventory was made of. */
type Seen = { readonly info: StanzaInfo; readonly archives: readonly Archive[] };

const manifestOf = (stanza: string, label: string): string => `backup/${stanza}/${label}/backup.manifest`;

const at = (seconds: number): Temporal.Instant => Temporal.Instant.fromEpochMilliseconds(seconds * 1000);

/** A file that was copied first says what was so then. */
const startOf = ({ timestamp }: PgBackup): Temporal.Instant => at(timestamp.start);

const setOf = async (
  program: PgBackRest,
  stanza: string,
  backup: PgBackup,
  known: KnownSet | undefined,
): Promise<BackupSet | undefined> => {
  const { label, reference, timestamp, info } = backup;
  // A backup never changes under its label; what is to be deleted is looked at once more.
  const manifest =
    known === undefined || known.rehash === true ? await program.digest(manifestOf(stanza, label)) : known.sha256;
  if (manifest === undefined) return undefined;
  return {
    name: label,
    sha256: manifest,
    bytes: info.repository.delta ?? 0,
    taken: startOf(backup),
    modified: at(timestamp.stop),
    sideCar: "match",
    needs: reference ?? [],
    // Before its end it is not consistent.
    restores: at(timestamp.stop),
  };
};

/** Directories of backups that the repository's own list does not know: of one that was broken off, or is being made. */
const strayIn = async (program: PgBackRest, stanza: string, names: ReadonlySet<string>): Promise<readonly Oddity[]> => {
  const there = await program.list(`backup/${stanza}`, "top");
  return Object.entries(there).flatMap(([name, { type, time }]): Oddity[] =>
    type !== "path" || name === "." || name === "backup.history" || names.has(name)
      ? []
      : [{ name, code: "BACKUP_PARTIAL", modified: time === undefined ? undefined : at(time) }],
  );
};

/** Each server that the stanza has had has an archive of its own. */
type Archive = { readonly id: string; readonly database: number; readonly segments: readonly Segment[] };

const archivesOf = async (program: PgBackRest, stanza: string, info: StanzaInfo): Promise<readonly Archive[]> => {
  const archives: Archive[] = [];
  for (const { id, database } of info.archive)
    archives.push({
      id,
      database: database.id,
      segments: segmentsIn(await program.list(`archive/${stanza}/${id}`, "recurse")),
    });
  return archives;
};

const logOf = ({ id, segments: [first, ...others] }: Archive): readonly LogArchive[] => {
  if (first === undefined) return [];
  const [since, until] = others.reduce(
    ([low, high], { time }) => [Math.min(low, time), Math.max(high, time)],
    [first.time, first.time],
  );
  return [{ name: id, since: at(since), until: at(until) }];
};

/** The labels of the backups that can be restored from: every file and every segment of the log that they need is there, and as it was made. */
const wholeIn = async (program: PgBackRest, { info, archives }: Seen): Promise<ReadonlySet<string>> => {
  const valid = await program.verified();
  const segments = new Map(
    archives.map(({ database, segments: all }) => [database, new Set(all.map(({ name }) => name))]),
  );
  const isGood = ({ label, reference, archive: { start, stop }, database }: PgBackup): boolean =>
    [label, ...(reference ?? [])].every((each) => valid.has(each)) &&
    (start === null || stop === null || isWhole(segments.get(database.id) ?? new Set(), { start, stop }));
  return new Set(info.backup.filter(isGood).map(({ label }) => label));
};

const isThere = async (program: PgBackRest, name: string): Promise<boolean> => {
  const { backup } = await program.info();
  return backup.some(({ label }) => label === name);
};

const fullsIn = async (program: PgBackRest, but: ReadonlySet<string> = new Set()): Promise<number> => {
  const { backup } = await program.info();
  return backup.filter(({ type, label }) => type === "full" && !but.has(label)).length;
};
