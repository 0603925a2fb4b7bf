import { sql, type Kysely } from "kysely";
import type { Shape } from "#records/plan.ts";
import { journalTable, type BatchFacts } from "#execute/batch-facts.ts";
import { column, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

/**
 * Writes down what others have to do, before the rows that name their records go: in the store's journal, so that a task exists exactly
 * when the erasure does. A row of several subjects is one task.
 */
export const recordTasks = async (db: Kysely<unknown>, shape: Shape, facts: BatchFacts): Promise<void> => {
  for (const { recipient, task, table, reference } of shape.recipients) {
    const scope = scopeOf(shape, table);
    if (scope === undefined) throw new TypeError(`a recipient of ${table}, which has no scope`);
    const name = column("t", reference);
    await sql`insert into ${journalTable(facts, "task")} (batch, request, recipient, task, reference)
      select ${facts.batch}::uuid, min(s.request), ${recipient}, ${task}, ${name}::text from ${scopeTable(shape, table)} s
      join ${tableName(table)} t on ${sameRow(scope, "t", "s")} where not s.spared and ${name} is not null group by ${name}
      order by min(s.request), ${name}`.execute(db);
  }
};
