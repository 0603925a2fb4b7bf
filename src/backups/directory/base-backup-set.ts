import { beganAt, type BaseBackup } from "#backups/directory/base-backup.ts";
import type { BackupSet, KnownSet } from "#backups/repository.ts";
import { dateInName, heldSince } from "#backups/set-date.ts";
import { positionOf } from "#backups/wal-segments.ts";

/** Base backups of one directory, by name. */
export type BaseBackups = ReadonlyMap<string, BaseBackup>;

/** A base backup as a set; its digest is that of its manifest, which holds the checksums of all its files, and at its end its own. */
export const setOf = (
  { name, all, timeZone }: { readonly name: string; readonly all: BaseBackups; readonly timeZone: string },
  base: BaseBackup,
  known: KnownSet | undefined,
): BackupSet => {
  const { manifest, modified, bytes } = base;
  // A manifest that was here before is as old as it was then, whatever touched it since.
  const written = known?.sha256 === manifest.sha256 ? heldSince({ taken: known.taken, modified }) : modified;
  return {
    name,
    sha256: manifest.sha256,
    bytes,
    taken: dateInName(name, timeZone) ?? beganAt(base) ?? written,
    modified,
    sideCar: manifest.content === undefined ? "mismatch" : "match",
    needs: needsOf(base, all),
    // Before its end it is not consistent, and then the manifest is written.
    restores: modified,
  };
};

/**
 * The names of the base backups that an incremental one builds on, as pg_combinebackup knows them: of the same server, begun where it says
 * (src/bin/pg_combinebackup/pg_combinebackup.c). Where there is none, the place in the log, which is nobody's name.
 */
export const needsOf = ({ manifest, label }: BaseBackup, all: BaseBackups): readonly string[] => {
  const from = label?.from;
  if (from === undefined) return [];
  const isBelow = (other: BaseBackup): boolean =>
    other.label?.start.lsn === from.lsn &&
    other.label.start.timeline === from.timeline &&
    other.manifest.content?.system === manifest.content?.system;
  const found = [...all].filter(([, other]) => isBelow(other)).map(([name]) => name);
  return found.length === 0 ? [`/${from.lsn.toString(16)}`] : found;
};

/** The segment of the log in which the newest of them begins. */
export const newestSegment = (bases: BaseBackups): string | undefined =>
  [...bases.values()]
    .flatMap(({ label }) => label?.segment ?? [])
    .toSorted((a, b) => (positionOf(a) < positionOf(b) ? 1 : -1))[0];
