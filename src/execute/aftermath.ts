import { sql } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Shape } from "#records/plan.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { tableName } from "#scope/sql.ts";

/**
 * Copies that PostgreSQL itself keeps of changed rows: materialised views are refreshed, and treated tables are analysed, because `pg_stats` holds frequent
 * values of rows that are gone (requirement F). Idempotent; runs after the batches and before verification, which searches both.
 */
export const refreshCopies = async (session: StoreSession, shape: Shape, catalog: Catalog): Promise<void> => {
  for (const view of shape.refresh) {
    await inTransaction(session, "read-write", () =>
      sql`refresh materialized view ${tableName(view)}`.execute(session.db),
    );
  }
  const treated = new Set(shape.steps.filter((step) => step.kind !== "cut").map((step) => step.table));
  for (const table of [...treated, ...shape.refresh]) {
    // Never analysed: there is nothing to forget, and analysing would first write values down.
    if ((catalog.tables.get(table)?.estimatedRows ?? -1) < 0) continue;
    await session.client.query(analyse(session, table));
  }
  faultPoint("after-views-refreshed");
};

const analyse = ({ db }: StoreSession, table: string): { text: string; values: unknown[] } => {
  const { sql: text, parameters } = sql`analyze ${tableName(table)}`.compile(db);
  return { text, values: [...parameters] };
};
