import type { RegimeName, Sector } from "#records/controller.ts";

/** `lethe.yaml` after parsing: paths absolute, `${LETHE_…}` filled in, defaults set. */
export type Config = {
  /** Absolute path of the file, and the folder that its relative paths start from. */
  readonly file: string;
  readonly directory: string;
  readonly controller: Controller;
  /** Where Lethe keeps its own records. */
  readonly state: Location;
  /** Databases of PostgreSQL. */
  readonly stores: readonly StoreConfig[];
  /** Databases of ClickHouse. */
  readonly columnStores: readonly ColumnStoreConfig[];
  readonly backups: readonly BackupConfig[];
  readonly reports: { readonly directory: string };
  readonly drill: {
    /** Absolute path of the directory with PostgreSQL's programs of the stores' version; undefined: where they usually are. */
    readonly programs: string | undefined;
    /** Absolute path of a directory with room for a whole store; undefined: where Lethe's own data is. */
    readonly directory: string | undefined;
  };
  /** Undefined: nothing is exported before it is erased. */
  readonly export: ExportConfig | undefined;
  /** Cron expressions by job name, in the controller's time zone. */
  readonly schedule: Readonly<Record<string, string>>;
  readonly keys: { readonly signing: string; readonly pseudonym: string };
  /** Days before the due date from which a pending request is named in the night's warnings. */
  readonly warnDays: number;
};

export type Controller = {
  readonly name: string;
  /** ISO 3166-1 alpha-2: whose public holidays move deadlines. */
  readonly country: string;
  /** ISO 3166-2 subdivision without the country, e.g. `BE` for Berlin. */
  readonly region: string | undefined;
  readonly dpo: string;
  /** Whose deadlines hold unless a request says otherwise; undefined: its country's. */
  readonly regime: RegimeName | undefined;
  /** For which some laws say something else. */
  readonly sector: Sector | undefined;
  /** `MM-DD`: from the end of the fiscal year some laws count. */
  readonly fiscalYearBegins: string;
  /** IANA name: days of receipt, schedules and report dates are this zone's. */
  readonly timeZone: string;
};

/** A server of the user's, or a database on the PostgreSQL that Lethe runs in `.lethe/` beside the configuration. */
export type Location = { readonly url: string } | { readonly embedded: string };

export type StoreConfig = {
  readonly name: string;
  readonly location: Location;
  /** Absolute path of the policy file. */
  readonly policy: string;
  /** Schemas that belong to the store; every table in them is searched by `verify`. */
  readonly schemas: readonly string[];
  /** Subjects in one transaction. */
  readonly batch: number;
  /** Old rows that go in one night, of all tables together; the next night goes on. */
  readonly expireRows: number;
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number;
};

/** A server, or data in a directory that this process works on by itself. */
export type ColumnLocation =
  | { readonly url: string; readonly database: string }
  | { readonly directory: string; readonly database: string };

export type ColumnStoreConfig = Pick<StoreConfig, "name" | "policy" | "batch" | "statementTimeoutMs"> & {
  readonly location: ColumnLocation;
  /** How long to wait until parts with rows as they were are gone from disk. */
  readonly partsTimeoutMs: number;
};

type Repository = { readonly name: string; readonly store: string; readonly keepDays: number };

export type DirectoryConfig = Repository & {
  readonly kind: "directory";
  /** Absolute path. */
  readonly path: string;
  /** Absolute path of the directory that the server's `archive_command` copies its write-ahead log to. */
  readonly wal?: string | undefined;
};

export type S3Config = Repository & {
  readonly kind: "s3";
  readonly bucket: string;
  /** Of the keys that are meant: empty, or ended by a slash. */
  readonly prefix: string;
  /** Of a server; undefined: AWS. */
  readonly endpoint: string | undefined;
  readonly region: string;
  /** The bucket stands in the path of a request, not in the host's name. */
  readonly forcePathStyle: boolean;
  /** Of the SDK's own files, with the credentials; undefined: where the SDK looks for them by itself. */
  readonly profile: string | undefined;
};

export type PgBackRestConfig = Repository & {
  readonly kind: "pgbackrest";
  readonly stanza: string;
  /** Which of the repositories that pgBackRest knows of: from 1. */
  readonly repo: number;
  /** Absolute path; undefined: the program's own. */
  readonly configFile: string | undefined;
  /** A name on the PATH, or an absolute path. */
  readonly program: string;
};

export type ResticConfig = Repository & {
  readonly kind: "restic";
  /** As restic takes it: an absolute path, or a URL such as `s3:…`, whose credentials stand in the environment. */
  readonly repository: string;
  /** Absolute path. */
  readonly passwordFile: string;
  /** Only snapshots with it; undefined: all. */
  readonly tag: string | undefined;
  readonly program: string;
};

/** Where pgBackRest looks by itself for its configuration. */
export const pgBackRestFile = "/etc/pgbackrest/pgbackrest.conf";

export type BackupConfig = DirectoryConfig | S3Config | PgBackRestConfig | ResticConfig;

export type ExportConfig = {
  /** Absolute path. */
  readonly directory: string;
  /** X25519 public keys of age (`age1…`): whoever holds the private half of one of them can read every export. */
  readonly recipients: readonly string[];
};
