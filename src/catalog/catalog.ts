/**
 * The live schema of a store as Lethe read it: the technical half of the data inventory. A value: planning takes it as
 * a parameter and does no I/O. Tables are named `table` in schema `public`, `schema.table` elsewhere.
 */
export type Catalog = {
  readonly store: string;
  /** E.g. 180004. */
  readonly serverVersion: number;
  readonly tables: ReadonlyMap<string, CatalogTable>;
  /** A person has any number of rows in the table of the subject, all with the same key: a store of ClickHouse. */
  readonly manyRows?: true;
  /** References into these tables from tables of schemas that do not belong to the store, and from single partitions. */
  readonly outsiders: readonly Outsider[];
  /** Tables that inherit from others (INHERITS), and are no partitions: what a statement says of the one it does to rows of the other. */
  readonly heirs: readonly Heir[];
  /** SHA-256 over everything below except what `schemaOf` leaves out: changes when, and only when, the schema does. */
  readonly fingerprint: string;
};

export type Outsider = { readonly table: string; readonly name: string; readonly references: string };

export type Heir = { readonly table: string; readonly from: string };

export type CatalogTable = {
  readonly name: string;
  readonly schema: string;
  readonly relation: string;
  readonly kind: "table" | "partitioned" | "view" | "materialised-view";
  /** Leaf and intermediate partitions, by name; their rows are reached through this table. */
  readonly partitions: readonly string[];
  readonly columns: readonly CatalogColumn[];
  /** Empty when there is none. */
  readonly primaryKey: readonly string[];
  readonly unique: readonly Unique[];
  readonly exclusive: readonly Exclusive[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly checks: readonly CheckConstraint[];
  readonly triggers: readonly Trigger[];
  /** Rewrite rules of a table, which put other statements in the place of ours, or beside them. */
  readonly rules: readonly { readonly name: string; readonly event: "insert" | "update" | "delete" }[];
  /** Row-level security would hide rows from our role. */
  readonly rowSecurity: boolean;
  /** For views and materialised views: the tables they read, transitively. */
  readonly reads: readonly string[];
  /** For materialised views: our role may refresh it. */
  readonly refreshable: boolean;
  /** Our role may analyse it; PostgreSQL skips it with no more than a warning otherwise. */
  readonly analysable: boolean;
  /** Our role may put a trigger on it. */
  readonly triggerable: boolean;
  /** Columns by which an index finds rows: it begins with them, and holds every row. */
  readonly indexed: readonly string[];
  /** Digest of the statement that makes it, where that says more than what is above: in ClickHouse. */
  readonly definition?: string;
  /** The planner's estimate; -1 when never analysed. */
  readonly estimatedRows: number;
};

/** What a plan depends on: not how many rows there are, what our role may do, or how fast rows are found. */
export const schemaOf = ({
  estimatedRows: _,
  analysable: _may,
  triggerable: _also,
  indexed: _fast,
  ...schema
}: CatalogTable) => schema;

/** Of all rows, by the columns themselves. `nullsEqual`: NULLS NOT DISTINCT, so that what is empty is there once. */
export type Unique = { readonly name: string; readonly columns: readonly string[]; readonly nullsEqual?: true };

/**
 * What else lets rows refuse each other: unique indexes of some rows, by an expression, of a single partition, or that wait for the commit; EXCLUDE. With
 * every column of which it depends, those of conditions included.
 */
export type Exclusive = { readonly name: string; readonly columns: readonly string[] };

export type CatalogColumn = {
  readonly name: string;
  /** As `format_type` prints it: `character varying(80)`, `text[]`, `numeric(10,2)`. */
  readonly type: string;
  /** Of a domain, the type that it is made of; nothing else has one. */
  readonly base?: string;
  /** What a search for text does with it. Domains and arrays are resolved to their base. `other`: cannot hold an identifier as text. */
  readonly shape: "text" | "json" | "array" | "other";
  readonly nullable: boolean;
  readonly generated: boolean;
  readonly identity: "always" | "by-default" | undefined;
  readonly hasDefault: boolean;
};

export type ForeignKey = {
  readonly name: string;
  readonly columns: readonly string[];
  readonly references: { readonly table: string; readonly columns: readonly string[] };
  /** `full`: its columns are all empty or none of them; `simple`: one empty column makes it refer to nothing. */
  readonly match: "simple" | "full";
  readonly onDelete: "no action" | "restrict" | "cascade" | "set null" | "set default";
  readonly onUpdate: ForeignKey["onDelete"];
  /** What ON DELETE SET NULL empties: the columns that it lists, or all. */
  readonly setsNull: readonly string[];
  readonly deferrable: boolean;
};

export type CheckConstraint = {
  readonly name: string;
  readonly columns: readonly string[];
  /** SQL over the bare column names, as PostgreSQL prints it. */
  readonly expression: string;
};

export type Trigger = {
  readonly name: string;
  readonly events: readonly ("insert" | "update" | "delete")[];
  /** Tables of this catalog that the trigger's function names as targets of INSERT, UPDATE or DELETE. */
  readonly writesTo: readonly string[];
};
