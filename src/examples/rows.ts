import { sql, type Kysely } from "kysely";
import { sqlFailureOf } from "#db/database-error.ts";
import type { Finding } from "#plan/finding.ts";
import type { Policy } from "#policy/policy.ts";
import { tableName } from "#scope/sql.ts";
import { exampleFinding, type Numbered } from "#examples/given.ts";
import { rowNumber, type StandIn } from "#examples/tables.ts";

type Row = Readonly<Record<string, unknown>>;
type Placed = { readonly row: Row; readonly position: number };

/**
 * Puts the rows of an example into the stand-ins, typed by the store's columns: one statement for all rows of a table that fill the same
 * columns. Row 1 of a table is the first one given. Returns what the store could not hold.
 */
export const insertGiven = async (
  db: Kysely<unknown>,
  policy: Policy,
  numbered: Numbered,
  standIns: ReadonlyMap<string, StandIn>,
): Promise<readonly Finding[]> => {
  for (const [name, given] of Object.entries(numbered.example.given)) {
    const standIn = standIns.get(name);
    if (standIn === undefined) throw new TypeError(`no table stands for ${name}`);
    const keyless = keylessRow(policy, numbered, standIn, given);
    if (keyless !== undefined) return [keyless];
    const rows = given.map((row, position): Placed => ({ row: numberedRow(standIn, row, position), position }));
    const alike = Map.groupBy(rows, ({ row }) => Object.keys(row).toSorted().join("\n"));
    for (const group of alike.values()) {
      const failed = await attempt(db, () => insert(db, standIn, group));
      if (failed !== undefined) return [await culprit(db, policy, numbered, standIn, group)];
    }
  }
  return [];
};

/** Numbers that no example gives. */
const numberedRow = ({ numbered }: StandIn, row: Row, position: number): Row => ({
  ...Object.fromEntries([...numbered].map((column) => [column, -1 - position])),
  ...row,
});

/** Rows are found again by their key: where the store does not make it, the example has to. */
const keylessRow = (
  policy: Policy,
  numbered: Numbered,
  { table, filled }: StandIn,
  given: readonly Row[],
): Finding | undefined => {
  const { subject } = policy;
  const key = table.name === subject.table ? [...table.primaryKey, subject.key] : table.primaryKey;
  for (const [position, row] of given.entries()) {
    const missing = key.find((column) => row[column] === null || (row[column] === undefined && !filled.has(column)));
    if (missing === undefined) continue;
    return exampleFinding(
      policy,
      numbered,
      ["given", table.name, position],
      `row ${position + 1} of ${table.name} has no ${missing}, by which rows are told apart`,
      `give it its ${missing}`,
    );
  }
  return undefined;
};

const insert = (db: Kysely<unknown>, { table, at }: StandIn, rows: readonly Placed[]): Promise<unknown> => {
  const columns = Object.keys(rows[0]?.row ?? {});
  const typed = columns.map((name) => sql`${sql.id(name)} ${sql.raw(typeOf(table, name))}`);
  const names = columns.map((name) => sql`${sql.id(name)}, `);
  const content = JSON.stringify(rows.map(({ row, position }) => ({ ...row, [rowNumber]: position + 1 })));
  return sql`insert into ${tableName(at)} (${sql.join(names, sql``)}${sql.id(rowNumber)})
    select ${sql.join(names, sql``)}${sql.id(rowNumber)} from jsonb_to_recordset(${content}::jsonb)
      as r (${sql.join([...typed, sql`${sql.id(rowNumber)} integer`])})`.execute(db);
};

const typeOf = (table: StandIn["table"], name: string): string =>
  table.columns.find((column) => column.name === name)?.type ?? "text";

/** Undefined when it went well. Undoes what failed, and passes on what is not about the values. */
const attempt = async (db: Kysely<unknown>, work: () => Promise<unknown>): Promise<ReturnType<typeof sqlFailureOf>> => {
  await sql`savepoint lethe_attempt`.execute(db);
  try {
    await work();
    return undefined;
  } catch (error) {
    const failure = sqlFailureOf(error);
    if (failure === undefined || !/^(22|23|42846)/.test(failure.sqlstate)) throw error;
    await sql`rollback to savepoint lethe_attempt`.execute(db);
    return failure;
  } finally {
    await sql`release savepoint lethe_attempt`.execute(db).catch(() => undefined);
  }
};

/** Which row and column of a group it was that failed: only now one by one. The values are the policy's own, and still not printed. */
const culprit = async (
  db: Kysely<unknown>,
  policy: Policy,
  numbered: Numbered,
  standIn: StandIn,
  rows: readonly Placed[],
): Promise<Finding> => {
  const { table } = standIn;
  for (const placed of rows) {
    const failure = await attempt(db, () => insert(db, standIn, [placed]));
    if (failure === undefined) continue;
    const row = `row ${placed.position + 1} of ${table.name}`;
    const path = ["given", table.name, placed.position];
    for (const [name, value] of Object.entries(placed.row)) {
      const type = typeOf(table, name);
      const content = JSON.stringify([{ [name]: value }]);
      const read = sql`select from jsonb_to_recordset(${content}::jsonb) as r (${sql.id(name)} ${sql.raw(type)})`;
      if ((await attempt(db, () => read.execute(db))) === undefined) continue;
      const what = `${row}: ${name} is ${type}, which cannot hold this value`;
      return exampleFinding(policy, numbered, [...path, name], what, "write a value of the column's type");
    }
    const [what, hint] = broken(failure);
    return exampleFinding(policy, numbered, path, `${row} ${what}`, hint);
  }
  throw new TypeError("rows that could not be inserted together could be one by one");
};

const broken = ({ sqlstate, constraint, column }: NonNullable<ReturnType<typeof sqlFailureOf>>): [string, string] => {
  switch (sqlstate) {
    case "23514":
      return [
        `breaks the check ${constraint ?? ""}`,
        "give every column that the check is about, with values it allows",
      ];
    case "23505":
      return ["repeats what is unique in its table", "give it a key of its own"];
    case "23502":
      return [`leaves ${column ?? "a column"} empty, which must not be`, "give it a value"];
    default:
      return [`cannot be held by the store (SQLSTATE ${sqlstate})`, "write values of the columns' types"];
  }
};
