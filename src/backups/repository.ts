import type { Temporal } from "temporal-polyfill";

/** Why a set, a file or a repository is not as it should be: named in the ledger and in the report. */
export type BackupCode =
  /** The directory or the listing cannot be read: nothing is known of the repository tonight. */
  | "BACKUPS_UNREADABLE"
  /** Nothing is there: never a backup, or a disk that is not mounted. */
  | "BACKUP_NONE"
  /** Not finished, or changing while it was read. */
  | "BACKUP_PARTIAL"
  /** No regular file, or not named in UTF-8, or so that it cannot be kept on record: ignored, never followed, never deleted. */
  | "BACKUP_FOREIGN"
  | "BACKUP_UNREADABLE"
  /** The side-car names another SHA-256, or the bytes changed since they were hashed. */
  | "BACKUP_CHECKSUM"
  | "BACKUP_DATE_DISPUTED"
  /** Empty, cut off, or of an unknown format without a side-car to vouch for it. */
  | "BACKUP_NOT_RESTORABLE"
  /** No good set would be left without it, or none is known to be good: it was not purged (I11). */
  | "BACKUP_LAST_GOOD"
  /** Part of a base backup is a link to elsewhere, where nothing is deleted, or followed to be read. */
  | "BACKUP_ELSEWHERE"
  /** The storage refused the deletion. */
  | "BACKUP_NOT_DELETED"
  /** The same, for want of room: what looks after the repository has to write before it deletes. */
  | "BACKUP_DISK_FULL"
  /** Somebody else removed a set before its time. */
  | "BACKUP_VANISHED"
  /** Of the write-ahead log, or of what the storage keeps of sets that are gone, something is there that is past its time. */
  | "BACKUP_LOG_KEPT"
  /** The configuration names another place than that in which its backups were listed: there nobody has asked for them. */
  | "BACKUP_MOVED"
  /** Nobody asks for its backups any more, and they are not known to be gone. */
  | "BACKUP_UNCONFIGURED"
  /** It is past its time, and a legal hold keeps it. */
  | "BACKUP_HELD";

/** One backup as it was found in its repository. */
export type BackupSet = {
  /** Unique in its repository. */
  readonly name: string;
  /** Of the bytes, lower-case hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
  /** What its name says, else when it was begun as far as the storage knows. */
  readonly taken: Temporal.Instant;
  /** In milliseconds: what the state database keeps. */
  readonly modified: Temporal.Instant;
  /** `mismatch`: a side-car contradicts the bytes; `none`: nobody vouches for them. */
  readonly sideCar: "match" | "mismatch" | "none";
  /** Names of sets without which it cannot be restored from: an incremental backup needs those that it builds on. */
  readonly needs: readonly string[];
  /** The moment as of which it restores, as far as it tells. */
  readonly restores: Temporal.Instant;
  /**
   * It was begun and never completed. It holds data and goes when it is due like all others, but nobody restores from it: that it is the newest says
   * nothing of the backups, and that it is gone without us is its owner's affair.
   */
  readonly unfinished?: true;
};

/** An archive of the write-ahead log beside the sets: with it times in between can be recovered, and it holds what was written in all of them. */
export type LogArchive = {
  readonly name: string;
  readonly since: Temporal.Instant;
  readonly until: Temporal.Instant;
};

/** What was found that is not a set; `modified` when it can hold personal data from that time on. */
export type Oddity = {
  readonly name: string;
  readonly code: BackupCode;
  readonly modified: Temporal.Instant | undefined;
};

export type Inventory = {
  readonly sets: readonly BackupSet[];
  /** Every name in the listing, whatever it is: what is not here is gone. */
  readonly names: ReadonlySet<string>;
  /** Names of unfinished sets on record that are not there any more, and that a set may be which was on no record: their owner may have completed them. */
  readonly completed?: ReadonlySet<string>;
  readonly oddities: readonly Oddity[];
  readonly logs: readonly LogArchive[];
};

/** A set that was hashed before. `rehash`: it was to be deleted, and its bytes must be read again even if nothing seems changed. */
export type KnownSet = Pick<BackupSet, "name" | "sha256" | "bytes" | "taken" | "modified"> & {
  readonly rehash?: boolean;
};

/** By their names. What was listed before in the same night is known as it was listed. */
export type KnownSets = ReadonlyMap<string, KnownSet | BackupSet>;

export const byName = (sets: readonly (KnownSet | BackupSet)[]): KnownSets =>
  new Map(sets.map((set) => [set.name, set]));

/** `changed`: other bytes under the same name, left alone; `refused`: the storage said no; `full`: because there was no room to write. */
export type Removal = "removed" | "vanished" | "changed" | "refused" | "full";

/** What does not, or will not, let the retention be kept, and what to change. */
export type BackupFinding = { readonly code: string; readonly message: string; readonly hint: string | null };

/** Two empty directories that `restore` may fill, by their paths, and what stops it. */
export type RestoreInto = {
  /** Of a data directory of PostgreSQL. */
  readonly data: string;
  /** Of a directory for anything else. */
  readonly files: string;
  readonly signal: AbortSignal;
};

/** What `restore` made. */
export type Restored =
  /** A data directory in its place, with what it needs to recover by itself when a server starts in it. */
  | { readonly kind: "cluster"; readonly data: string }
  /** A dump of pg_dump or pg_dumpall, as it was found; perhaps where the repository has it, and not to be changed. */
  | { readonly kind: "dump"; readonly file: string };

/** One place that keeps backups, whatever its kind. */
export type Repository = {
  /** How many sets that do not need each other may be removed, and asked for, at a time; one unless it says so. */
  readonly atOnce?: number;
  /**
   * Lists and hashes what is there, reading again only what changed since `known`.
   * @throws LetheError `BACKUPS_UNREADABLE`
   */
  readonly inventory: (known: KnownSets) => Promise<Inventory>;
  /** Reads the whole set; undefined when it can be restored from, else why not. Never throws for the set's sake. */
  readonly verifyRestorable: (set: BackupSet) => Promise<BackupCode | undefined>;
  /** Deletes exactly the bytes that were inventoried. What needs the set was removed before. */
  readonly remove: (set: BackupSet) => Promise<Removal>;
  /**
   * Deletes what the storage keeps beside the sets and no set needs any more; asked every night after the removals, since a run that died may have
   * left something, at the night's time. `onlyHeld`: names of sets that only a legal hold keeps, for which nothing else is to be kept. False: it refused; `full`: for want
   * of room.
   */
  readonly finish?: (night: {
    readonly now: Temporal.Instant;
    readonly onlyHeld: ReadonlySet<string>;
  }) => Promise<boolean | "full">;
  /**
   * Restores a set, as it was when it was made, for a drill.
   * @throws LetheError `DRILL_FAILED`, `DRILL_IMPOSSIBLE`
   */
  readonly restore?: (set: BackupSet, into: RestoreInto) => Promise<Restored>;
  /** What the storage's own configuration will not allow. */
  readonly check?: () => Promise<readonly BackupFinding[]>;
  /** A negative answer is the proof of deletion (B6): asked of the storage, never of a cache. Errors count as present. */
  readonly present: (set: Pick<BackupSet, "name">) => Promise<boolean>;
};
