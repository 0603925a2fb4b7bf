import { sql, type Kysely, type RawBuilder } from "kysely";
import { LetheError } from "#lib/errors.ts";
import type { Shape, Step } from "#records/plan.ts";
import { journalTable, type BatchFacts } from "#execute/batch-facts.ts";
import { clockDay } from "#execute/statements.ts";
import { column, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

/**
 * Counts what the policy leaves of each subject's personal data, read after the changes: rows whose column is not empty, and the clock of
 * the last of these. One statement a table.
 */
export const recordStays = async (db: Kysely<unknown>, shape: Shape, facts: BatchFacts): Promise<void> => {
  for (const step of shape.steps) {
    const stays = "stays" in step ? step.stays : [];
    const scope = scopeOf(shape, step.table);
    if (stays.length === 0 || scope === undefined) continue;
    const read = stays.map(({ column: name }, index) => {
      const held = column("t", name);
      return sql`count(${held}) as ${sql.id(`c${index}`)}, ${clockOf(step, held, facts)} as ${sql.id(`k${index}`)}`;
    });
    const named = stays.map(
      (stay, index) => sql`(${stay.column}::text, ${sql.id("x", `c${index}`)}, ${sql.id("x", `k${index}`)})`,
    );
    await sql`insert into ${journalTable(facts, "stay")} (batch, request, table_name, column_name, rows, clock_last)
      select ${facts.batch}::uuid, x.request, ${step.table}, v.name, v.rows, v.clock_last
      from (select s.request, ${sql.join(read)} from ${scopeTable(shape, step.table)} s
        join ${tableName(step.table)} t on ${sameRow(scope, "t", "s")} where not s.spared group by s.request) x
      cross join lateral (values ${sql.join(named)}) v (name, rows, clock_last) where v.rows > 0`.execute(db);
  }
};

const clockOf = (step: Step, held: RawBuilder<unknown>, facts: BatchFacts) =>
  step.kind === "retain" ? sql`max(${clockDay(step, facts)}) filter (where ${held} is not null)` : sql`null::date`;

/** A subject that is deleted softly must not be in the views that show who is there. */
export const assertHidden = async (db: Kysely<unknown>, shape: Shape): Promise<void> => {
  const { root, deletion } = shape;
  const scope = scopeOf(shape, root.table);
  if (scope === undefined) throw new TypeError("the root has no scope");
  for (const view of deletion.hiddenFrom) {
    const found = await sql<{ rows: number }>`select count(*) as rows from ${tableName(view)} v
      join ${tableName(root.table)} t on ${column("v", root.key)} = ${column("t", root.key)}
      join ${scopeTable(shape, root.table)} s on ${sameRow(scope, "t", "s")}`.execute(db);
    if ((found.rows[0]?.rows ?? 0) === 0) continue;
    throw new LetheError("STILL_VISIBLE", `view ${view} still shows a subject that was marked as deleted`, {
      hint: "let the view leave out rows that say what the policy's `deletion` sets",
    });
  }
};
