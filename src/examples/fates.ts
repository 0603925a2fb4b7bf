import { sql, type Kysely, type RawBuilder } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Policy } from "#policy/policy.ts";
import { erasableFrom } from "#policy/retention.ts";
import { remediesOf, type Shape } from "#records/plan.ts";
import { column, sameRow, scopeTable, tableName } from "#scope/sql.ts";
import { remedyTable } from "#scope/stopped.ts";
import { rowNumber, type StandIn } from "#examples/tables.ts";

/** What became of one given row. */
export type Fate = {
  readonly word: "erased" | "anonymised" | "retained" | "kept" | "stays" | "spared" | "remedied" | "unlinked";
  /** ISO date, of a retained row whose clock is given. */
  readonly until?: string | undefined;
  /** The blockers whose remedies changed or removed it. */
  readonly remedies: readonly string[];
};

/** By `table row`. */
type Rows<T> = ReadonlyMap<string, T>;

const keyOf = (table: string, row: number): string => `${table} ${row}`;

type Given = readonly (StandIn & { readonly rows: number })[];

/** Each given row as text, as it is now; a row that is gone is missing. */
export const readRows = async (db: Kysely<unknown>, given: Given): Promise<Rows<string>> => {
  const parts = given.map(
    ({
      table,
      at,
    }) => sql`select ${table.name}::text as "table", ${column("t", rowNumber)} as row, to_jsonb(t)::text as content
      from ${tableName(at)} t`,
  );
  const found = await sql<{ table: string; row: number; content: string }>`${union(parts)}`.execute(db);
  return new Map(found.rows.map(({ table, row, content }) => [keyOf(table, row), content]));
};

export type Belonging = {
  /** Whether somebody else has the row too, for each row in the scope of whoever asks. */
  readonly scope: Rows<boolean>;
  /** The codes of the remedies that take the row. */
  readonly remedies: Rows<readonly { readonly code: string; readonly kind: string }[]>;
};

/** Which given rows belong to whoever asks, and which a remedy takes: as the database has derived it, before anything changes. */
export const readBelonging = async (db: Kysely<unknown>, shape: Shape, given: Given): Promise<Belonging> => {
  const byPlace = new Map(given.map((standIn) => [standIn.at, standIn.table.name]));
  const scoped = shape.scopes.flatMap((scope) => {
    const name = byPlace.get(scope.table);
    if (name === undefined) return [];
    return [
      sql`select ${name}::text as "table", ${column("t", rowNumber)} as row, s.spared, ''::text as code, ''::text as kind
        from ${tableName(scope.table)} t join ${scopeTable(shape, scope.table)} s on ${sameRow(scope, "t", "s")}`,
    ];
  });
  const remedied = remediesOf(shape).flatMap(({ code, table, remedy }, position) => {
    const name = byPlace.get(table);
    if (name === undefined) return [];
    return [
      sql`select ${name}::text, ${column("t", rowNumber)}, false, ${code}::text, ${remedy.kind}::text
        from ${tableName(table)} t join ${remedyTable(position)} z on ${sameRow(remedy, "t", "z")}`,
    ];
  });
  const scope = new Map<string, boolean>();
  const remedies = new Map<string, { code: string; kind: string }[]>();
  type Found = { table: string; row: number; spared: boolean; code: string; kind: string };
  for (const { table, row, spared, code, kind } of (await sql<Found>`${union([...scoped, ...remedied])}`.execute(db))
    .rows) {
    const key = keyOf(table, row);
    if (code === "") scope.set(key, spared);
    else remedies.set(key, [...(remedies.get(key) ?? []), { code, kind }]);
  }
  return { scope, remedies };
};

const union = (parts: readonly RawBuilder<unknown>[]): RawBuilder<unknown> => sql.join([...parts], sql` union all `);

const words = { anonymise: "anonymised", retain: "retained", keep: "stays" } as const;

/** What the batch's journal says it did, by table: how many rows, and how treated. */
type Done = { readonly treatment: keyof typeof words | "erase"; readonly rows: number };

const readDone = async (db: Kysely<unknown>): Promise<ReadonlyMap<string, Done>> => {
  const found = await sql<Done & { table_name: string }>`
    select table_name, treatment, sum(s.rows)::int8 as rows from pg_temp.journal_step s
    join pg_temp.journal_batch b on b.id = s.batch where b.stage = 'whole' group by 1, 2`.execute(db);
  return new Map(found.rows.map(({ table_name: table, ...done }) => [table, done]));
};

/** What has become of every given row, by table: from the rows that are left and from the journal. */
export const readFates = async (
  db: Kysely<unknown>,
  policy: Policy,
  given: Given,
  before: Rows<string>,
  { scope, remedies }: Belonging,
): Promise<ReadonlyMap<string, readonly Fate[]>> => {
  const after = await readRows(db, given);
  const done = await readDone(db);
  const fateOf = ({ table, at }: Given[number], key: string, reached: boolean): Fate => {
    const content = after.get(key);
    const by = remedies.get(key) ?? [];
    const codes = by.map(({ code }) => code);
    if (content === undefined) {
      // Its rule has counted it elsewhere.
      if (scope.get(key) === false && by.length === 0 && isCounted(policy, table.name)) {
        return { word: "anonymised", remedies: codes };
      }
      return { word: by.some(({ kind }) => kind === "remove") ? "remedied" : "erased", remedies: codes };
    }
    if (scope.get(key) === true) return { word: "spared", remedies: codes };
    const treatment = reached || content !== before.get(key) ? done.get(at)?.treatment : undefined;
    if (scope.has(key) && treatment !== undefined && treatment !== "erase") {
      const until = treatment === "retain" ? untilOf(policy, table.name, content) : undefined;
      return { word: words[treatment], until, remedies: codes };
    }
    if (codes.length > 0) return { word: "remedied", remedies: codes };
    return { word: content === before.get(key) ? "kept" : "unlinked", remedies: codes };
  };
  return new Map(
    given.map((standIn) => {
      const keys = Array.from({ length: standIn.rows }, (_, index) => keyOf(standIn.table.name, index + 1));
      const own = keys.filter((key) => after.has(key) && scope.get(key) === false);
      // A statement that found fewer rows than belong to whoever asks has not reached those that look the same.
      const reached = done.get(standIn.at)?.rows === own.length;
      return [standIn.table.name, keys.map((key) => fateOf(standIn, key, reached))];
    }),
  );
};

const isCounted = ({ tables }: Policy, table: string): boolean => {
  const rule = tables[table];
  return rule?.treatment === "anonymise" && rule.aggregate !== undefined;
};

const untilOf = (policy: Policy, table: string, content: string): string | undefined => {
  const rule = policy.tables[table];
  if (rule?.treatment !== "retain") return undefined;
  const retention = policy.classes[rule.class];
  const clock = (JSON.parse(content) as Readonly<Record<string, unknown>>)[rule.clock];
  const day = typeof clock === "string" ? /^\d{4}-\d\d-\d\d/.exec(clock)?.[0] : undefined;
  if (retention === undefined || day === undefined) return undefined;
  return erasableFrom(retention, Temporal.PlainDate.from(day)).toString();
};
