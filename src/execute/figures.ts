import { sql, type Kysely } from "kysely";
import { LetheError } from "#lib/errors.ts";
import type { Shape } from "#records/plan.ts";
import { journalTable, type BatchFacts } from "#execute/batch-facts.ts";
import { conditionsSql } from "#scope/conditions.ts";
import { column, tableName } from "#scope/sql.ts";

/** Decimal text, by the figure's name. */
export type Figures = ReadonlyMap<string, string>;

/**
 * The figures that the policy names, over whole tables, as the caller's transaction sees them: one scan a table, however many figures are
 * made of it. Summed as decimals: a sum of binary fractions depends on the order of the rows, and changing rows moves them.
 */
export const readFigures = async (db: Kysely<unknown>, { figures }: Shape): Promise<Figures> => {
  const taken = new Map<string, string>();
  for (const [table, of] of Map.groupBy(figures, (figure) => figure.table)) {
    const values = of.map(({ measure, where }, index) => {
      const total =
        measure.measure === "count"
          ? sql`count(*)`
          : measure.measure === "sum"
            ? sql`sum(${column("t", measure.column)}::numeric)`
            : sql`count(distinct ${column("t", measure.column)}::text)`;
      const value = sql`coalesce(${total} filter (where ${conditionsSql("t", where)}), 0)`;
      return sql`${value}::numeric::text as ${sql.id(`f${index}`)}`;
    });
    const { rows } = await sql<Record<string, string>>`select ${sql.join(values)} from ${tableName(table)} t`.execute(
      db,
    );
    for (const [index, { figure }] of of.entries()) taken.set(figure, rows[0]?.[`f${index}`] ?? "0");
  }
  return taken;
};

/** Records the figures side by side. Throws `FIGURE_CHANGED` where the policy demands that one stays as it was. */
export const recordFigures = async (
  db: Kysely<unknown>,
  shape: Shape,
  facts: BatchFacts,
  before: Figures,
): Promise<void> => {
  if (shape.figures.length === 0) return;
  const after = await readFigures(db, shape);
  const rows = shape.figures.map(({ figure }) => ({
    figure,
    before: before.get(figure) ?? "0",
    after: after.get(figure) ?? "0",
  }));
  await sql`insert into ${journalTable(facts, "figure")} (batch, figure, before, after) select ${facts.batch}::uuid, figure, before, after
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as x (figure text, before numeric, after numeric)`.execute(
    db,
  );
  // By value: 0 and 0.00 are the same.
  const wanted = shape.figures.filter(({ equal }) => equal).map(({ figure }) => figure);
  const changed = await sql<{ figure: string }>`select figure from ${journalTable(facts, "figure")}
    where batch = ${facts.batch}::uuid and before <> after and figure = any (${wanted}::text[]) limit 1`.execute(db);
  const [first] = changed.rows;
  if (first === undefined) return;
  throw new LetheError(
    "FIGURE_CHANGED",
    `figure ${first.figure} would change, and the policy demands that it does not`,
    {
      hint: "keep the rows that the figure is made of, or drop `equal` from it",
    },
  );
};
