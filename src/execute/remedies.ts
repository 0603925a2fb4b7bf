import { sql, type Kysely, type RawBuilder } from "kysely";
import { LetheError } from "#lib/errors.ts";
import { remediesOf, type PlannedRemedy, type Shape } from "#records/plan.ts";
import { journalTable, type BatchFacts } from "#execute/batch-facts.ts";
import { transformSql } from "#execute/transforms.ts";
import { readBlocked, readUnremedied } from "#scope/row-sets.ts";
import { keyNames, sameRow, tableName } from "#scope/sql.ts";
import { remedyTable } from "#scope/stopped.ts";

/**
 * Does what the policy declares about the rows that would stop the batch: one statement a remedy, for all subjects, recorded as it is
 * done. Then all conditions are read again: none may still hold, nor one that blocks hold by now.
 */
export const remedy = async (db: Kysely<unknown>, shape: Shape, facts: BatchFacts): Promise<void> => {
  const remedies = remediesOf(shape);
  for (const [position, { code, table, remedy: planned }] of remedies.entries()) {
    const changed = changeSql(table, planned, remedyTable(position), facts);
    await sql`with changed as (${changed})
      insert into ${journalTable(facts, "remedy")} (batch, request, code, table_name, action, rows)
      select ${facts.batch}::uuid, request, ${code}, ${table}, ${planned.kind}, count(*) from changed group by request`.execute(
      db,
    );
  }
  const left = await readUnremedied(db, shape);
  if (left !== undefined) {
    throw new LetheError("REMEDY_INCOMPLETE", `the remedy of ${left.code} left ${left.rows} rows as they were`, {
      hint: "a trigger or a rule of the database undoes it: settle the rows by hand, or let the blocker block",
    });
  }
  const [made] = remedies.length === 0 ? [] : await readBlocked(db, shape);
  if (made === undefined) return;
  throw new LetheError(
    "REMEDY_INCOMPLETE",
    `the remedies made ${made.rows} rows of ${made.table} such that ${made.code} stops`,
    {
      hint: "a trigger of the database does it: settle the rows by hand, or let the blockers with remedies block",
    },
  );
};

/** A row that stops two subjects of one batch is changed once and counted for the first. */
const changeSql = (
  table: string,
  planned: PlannedRemedy,
  targets: RawBuilder<unknown>,
  facts: BatchFacts,
): RawBuilder<unknown> => {
  const { kind, changes } = planned;
  const names = keyNames(planned).map((name) => sql.id(name));
  const once = sql`select min(request) as request, ${sql.join(names)} from ${targets} group by ${sql.join(names)}`;
  const same = sameRow(planned, "t", "s");
  if (kind === "remove")
    return sql`delete from ${tableName(table)} t using (${once}) s where ${same} returning s.request`;
  const input = { row: "t", subject: "s", table, key: sql`''`, seed: facts.seed, now: facts.at };
  const assignments = changes.map((change) => sql`${sql.id(change.name)} = ${transformSql(change, input)}`);
  return sql`update ${tableName(table)} t set ${sql.join(assignments)} from (${once}) s where ${same} returning s.request`;
};
