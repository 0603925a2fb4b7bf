import type { Attack, Gate, Late, TimeUnit } from "#records/anonymity.ts";
import type { Aggregate, Blocker, Conserve, Deletion, Figure, Recipient, Transform } from "#policy/policy.ts";

/** A reference from rows of `table` to rows of `to`: a foreign key of the database, or a link that the policy declares. */
export type Edge = {
  /** The constraint's name; for links `table.column -> table.column`. */
  readonly name: string;
  readonly declared: "foreign-key" | "link";
  readonly table: string;
  readonly columns: readonly string[];
  readonly to: { readonly table: string; readonly columns: readonly string[] };
  /** The two sides have different types (links only): compared as text. */
  readonly asText: "to" | "both" | undefined;
  /** Links only: the rows of `table` that the link speaks of. */
  readonly where: Readonly<Record<string, string>>;
  readonly onDelete: "no action" | "restrict" | "cascade" | "set null" | "set default" | "nothing";
  readonly deferrable: boolean;
  /** The reference may be NULL: by one of its columns, or by all of them where the key is MATCH FULL. */
  readonly nullable: boolean;
  /** What is set to NULL to make a row refer to nothing; none where it cannot be, or where the schema leaves open which columns those are. */
  readonly emptied: readonly string[];
};

/** How rows come into a subject's scope: they refer to rows in it, or rows in it refer to them. */
export type Via = { readonly edge: Edge; readonly direction: "refers" | "referred" };

/** The table whose rows in scope bring rows in by this way. */
export const parentOf = ({ edge, direction }: Via): string => (direction === "refers" ? edge.to.table : edge.table);

/** The rows of one table that belong to the subjects of a batch. */
export type Scope = {
  readonly table: string;
  /** Columns that identify a row: the primary key, or `tableoid, ctid` where there is none. */
  readonly key: readonly string[];
  readonly via: readonly Via[];
  /** A self reference that the policy's `owner` names: children of rows in scope are in scope. */
  readonly self: Edge | undefined;
  /** References from rows that are not in scope here spare the row (I5). */
  readonly uses: readonly Edge[];
  /** Triggers copy rows into it while the batch runs: it is derived once more before its own step. */
  readonly late: boolean;
  /** Rows may have several owners, a self reference among them: one that exists and is not in scope spares the row. */
  readonly contested: boolean;
};

/** Without a key a row is found again by its place, which it leaves with every change. */
export const hasNoKey = ({ key }: Pick<Scope, "key">): boolean => key[0] === "tableoid";

export type ColumnChange = {
  readonly name: string;
  readonly type: string;
  readonly json: boolean;
  readonly transform: Transform;
  /** Of a random key: no two rows of the table may have the same. */
  readonly alone?: true;
};

/** What cannot be computed from the row is drawn before the statement, into the scope table. */
export const isDrawn = ({ transform: { kind } }: Pick<ColumnChange, "transform">): boolean =>
  kind === "rekey" || kind === "shuffle";

/** The batch's rows are taken out and put in again in random order: all columns that can be written, and how many people it takes. */
export type Reorder = { readonly columns: readonly string[]; readonly among: number };

/** The policy's, with the types of the classes' columns. */
export type PlannedAggregate = Omit<Aggregate, "classes"> & {
  readonly classes: readonly (Aggregate["classes"][number] & {
    readonly type: string;
    /** The column of `into` may be empty. */
    readonly nullable: boolean;
  })[];
};

/** Whether the statement of a step takes the rows out of their table for good. */
export const takesRows = (step: Step): boolean =>
  step.kind === "erase" || (step.kind === "anonymise" && step.aggregate !== undefined);

export type Analysis = {
  readonly gate: Gate | undefined;
  readonly attacks: readonly Attack[];
  readonly clock: string | undefined;
  /** Of a clock that tells moments: by whose it is of a day. */
  readonly zone: string | undefined;
  readonly per: TimeUnit;
  /** What the totals are divided by beside the period. */
  readonly by: readonly ColumnChange[];
  readonly conserve: readonly Conserve[];
  /** How many people a total has to be of, at least, before a report tells it. */
  readonly k: number;
  readonly late: Late;
  /** With `late: suppress`, what it sets the columns to by which somebody may be recognised. */
  readonly suppressed: readonly ColumnChange[];
};

/** A column whose personal data stays on purpose, and why. */
export type Stay = { readonly column: string; readonly why: string };

/** One statement of the night, for all subjects of a batch. */
export type Step =
  | {
      readonly kind: "cut";
      readonly table: string;
      readonly edge: Edge;
      /** `mention`: rows of others that name an erased root row; `spared`: rows that a live subject also uses; `cycle`: references among erased rows that forbid any order. */
      readonly why: "mention" | "spared" | "cycle";
    }
  | {
      readonly kind: "erase";
      readonly table: string;
      /** The rows would be anonymised, had the deadline not come: what was to be conserved is counted all the same. */
      readonly late?: Analysis;
    }
  | {
      readonly kind: "anonymise";
      readonly table: string;
      readonly changes: readonly ColumnChange[];
      readonly stays: readonly Stay[];
      readonly analysis: Analysis | undefined;
      /** The deadline has come: what tells rows apart is emptied, whatever the rule makes of it otherwise. */
      readonly late?: true;
      readonly reorder?: Reorder;
      readonly aggregate?: PlannedAggregate;
    }
  | {
      readonly kind: "retain";
      readonly table: string;
      readonly changes: readonly ColumnChange[];
      readonly stays: readonly Stay[];
      readonly basis: string;
      readonly class: string;
      readonly clock: string;
      readonly clockType: string;
      /** Database roles that may read the rows afterwards, sorted; none: nothing is restricted. */
      readonly readableBy: readonly string[];
    }
  /** Rows that stay as they are, with personal data, on purpose; of the root row, but for the policy's mark. */
  | {
      readonly kind: "keep";
      readonly table: string;
      readonly changes: readonly ColumnChange[];
      readonly stays: readonly Stay[];
    };

/** What a row is set to once the deadline has come and `late: suppress` is the policy: the rule, but for what would tell it apart. */
export const lateChanges = (changes: readonly ColumnChange[], { suppressed }: Analysis): readonly ColumnChange[] => {
  const names = new Set(suppressed.map(({ name }) => name));
  return [...changes.filter(({ name }) => !names.has(name)), ...suppressed];
};

/** A blocker whose ways are found in the schema. */
export type PlannedBlocker = Omit<Blocker, "whose" | "other" | "remedy"> & {
  /** From the row to the root row; undefined: rows in the subject's scope. */
  readonly whose: readonly Edge[] | undefined;
  /** From the row to the root row of somebody else. */
  readonly other: readonly Edge[] | undefined;
  readonly remedy: PlannedRemedy | undefined;
};

export type PlannedRemedy = {
  readonly kind: "set" | "unlink" | "remove";
  /** None when the rows are removed. */
  readonly changes: readonly ColumnChange[];
  /** What identifies a row of the blocker's table. */
  readonly key: readonly string[];
};

/** Blockers that a remedy answers, in the policy's order. */
export const remediesOf = (shape: Shape): readonly (PlannedBlocker & { readonly remedy: PlannedRemedy })[] =>
  shape.blockers.flatMap(({ remedy, ...blocker }) => (remedy === undefined ? [] : [{ ...blocker, remedy }]));

/** How deletion is done: at once or after a time, and what marks a row that stays. */
export type PlannedDeletion = {
  readonly mode: Deletion["mode"];
  readonly grace: string | undefined;
  readonly mark: readonly ColumnChange[];
  readonly hiddenFrom: readonly string[];
  /** References to the root row from tables that take no new row for a marked subject. */
  readonly refuse: readonly Edge[];
};

/** What was set in a subject's own row: saved when it is set, because by the next night the policy may say something else. */
export type SavedMark = { readonly root: Shape["root"]; readonly changes: PlannedDeletion["mark"] };

/**
 * The rules of a plan without row sets: a pure function of policy and catalog. Approval binds to its digest: when the
 * policy or the schema of a reached table changes, approved requests go back for approval.
 */
export type Shape = {
  readonly store: string;
  readonly policy: { readonly name: string; readonly version: number; readonly digest: string };
  /** Fingerprint of the reached tables. */
  readonly catalog: string;
  readonly root: { readonly table: string; readonly key: string; readonly keyType: string };
  /** In the order in which they can be derived: the root first. */
  readonly scopes: readonly Scope[];
  /** In the order in which they run. */
  readonly steps: readonly Step[];
  readonly kept: readonly { readonly table: string; readonly reason: string }[];
  /**
   * `soft` is the first part of `soft-then-hard`: the root row is marked, nothing else happens. `part` is what goes while legal holds cover other
   * rows of the subject, by a digest of the tables that wait.
   */
  readonly stage: "soft" | `part ${string}` | "whole";
  readonly deletion: PlannedDeletion;
  readonly blockers: readonly PlannedBlocker[];
  readonly recipients: readonly Recipient[];
  readonly figures: readonly Figure[];
  /** Deferrable constraints are deferred: some cycle of references cannot be put in order, or a remedy removes rows before those that refer to them go. */
  readonly deferred: boolean;
  /** Materialised views to refresh after the changes. */
  readonly refresh: readonly string[];
  /** Tables on whose rows triggers of the store fire, or which one writes to: what a statement did may be undone, and is read again. */
  readonly triggered: readonly string[];
  /** What the database itself would do, by name (I6). */
  readonly effects: readonly {
    readonly table: string;
    readonly effect: "cascade" | "set null" | "trigger";
    readonly by: string;
  }[];
};

/** Whether only what no legal hold needs is done. */
export const isPart = (stage: Shape["stage"]): boolean => stage.startsWith("part ");

/** The rows that the plan speaks of, in one table: how many, and which, as an order-independent fingerprint. */
export type RowSet = {
  readonly table: string;
  readonly rows: number;
  readonly spared: number;
  /** XOR of keyed 64-bit hashes of (request, row key, spared), decimal. */
  readonly fingerprint: string;
};

/** The rows that a remedy changes, whoever owns them. */
export type RemedySet = {
  readonly code: string;
  readonly table: string;
  readonly rows: number;
  readonly fingerprint: string;
};

/** What will happen to one batch of requests in one store. Frozen, hashed and saved before anything changes (I2). */
export type Plan = {
  readonly version: 1;
  readonly store: string;
  /** Digest of the shape. */
  readonly shape: string;
  /** References, sorted. */
  readonly requests: readonly string[];
  readonly rowSets: readonly RowSet[];
  readonly remedies: readonly RemedySet[];
};
