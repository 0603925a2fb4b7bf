import { sql, type Kysely } from "kysely";
import { LetheError } from "#lib/errors.ts";
import type { Shape } from "#records/plan.ts";
import { journalTable, type BatchFacts } from "#execute/batch-facts.ts";
import { conditionsSql } from "#scope/conditions.ts";
import { column, isFinite, shareOf, tableName } from "#scope/sql.ts";

/**
 * Decimal text, by the figure's name; and what must stay where the policy demands that it does: the value, without zeros behind it, or where a NaN or an
 * infinite number is among what is summed, the sum of the others and how many those are.
 */
export type Figures = ReadonlyMap<string, { readonly value: string; readonly fixed: string }>;

/**
 * The figures that the policy names, over whole tables, as the caller's transaction sees them: one scan a table, however many figures are
 * made of it. Summed as decimals: a sum of binary fractions depends on the order of the rows, and changing rows moves them.
 */
export const readFigures = async (db: Kysely<unknown>, { figures }: Shape): Promise<Figures> => {
  const taken = new Map<string, { value: string; fixed: string }>();
  for (const [table, of] of Map.groupBy(figures, (figure) => figure.table)) {
    const values = of.flatMap(({ measure, where }, index) => {
      const total =
        measure.measure === "count"
          ? sql`count(*)`
          : measure.measure === "sum"
            ? sql`sum(${shareOf(measure, "t")})`
            : sql`count(distinct ${column("t", measure.column)}::text)`;
      const counted = conditionsSql("t", where);
      const value = sql`coalesce(${total} filter (where ${counted}), 0)::numeric`;
      const parts = [true, false].map(
        (finite) => sql`(where ${counted} and ${isFinite(shareOf(measure, "t"))} = ${finite})`,
      );
      const fixed =
        measure.measure === "sum"
          ? sql`concat_ws(' ', trim_scale(coalesce(${total} filter ${parts[0]}, 0)), count(*) filter ${parts[1]})`
          : sql`${value}::text`;
      return [sql`${value}::text as ${sql.id(`f${index}`)}`, sql`${fixed} as ${sql.id(`x${index}`)}`];
    });
    const { rows } = await sql<Record<string, string>>`select ${sql.join(values)} from ${tableName(table)} t`.execute(
      db,
    );
    for (const [index, { figure }] of of.entries())
      taken.set(figure, { value: rows[0]?.[`f${index}`] ?? "0", fixed: rows[0]?.[`x${index}`] ?? "0" });
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
    before: before.get(figure)?.value ?? "0",
    after: after.get(figure)?.value ?? "0",
  }));
  await sql`insert into ${journalTable(facts, "figure")} (batch, figure, before, after) select ${facts.batch}::uuid, figure, before, after
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as x (figure text, before numeric, after numeric)`.execute(
    db,
  );
  const changed = shape.figures.find(
    ({ figure, equal }) => equal && before.get(figure)?.fixed !== after.get(figure)?.fixed,
  );
  if (changed === undefined) return;
  throw new LetheError(
    "FIGURE_CHANGED",
    `figure ${changed.figure} would change, and the policy demands that it does not`,
    {
      hint: "keep the rows that the figure is made of, or drop `equal` from it",
    },
  );
};
