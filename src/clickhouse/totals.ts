import type { ColumnBatch } from "#clickhouse/scope.ts";
import { own } from "#clickhouse/scope.ts";
import { periodIn, type Anonymise } from "#clickhouse/steps.ts";
import { id, list } from "#clickhouse/sql.ts";
import { takenRequest } from "#clickhouse/taken.ts";
import type { TotalRow } from "#execute/journal.ts";
import { LetheError } from "#lib/errors.ts";

/**
 * The declared totals of a table over the batch's rows, as they are and as they will be, side by side (requirement D5). Rows of others do not
 * change. Throws `TOTALS_CHANGED` where they differ: nothing has been changed yet.
 */
export const readTotals = async (
  batch: ColumnBatch,
  step: Anonymise,
  place: number,
  timeZone: string,
): Promise<readonly TotalRow[]> => {
  const { client, name } = batch.store;
  const { analysis, table } = step;
  if (analysis === undefined || analysis.conserve.length === 0) return [];
  const period = periodIn(batch, table, analysis, timeZone);
  const sums = analysis.conserve.flatMap((total, index) => {
    if (total.measure === "count") return [`toString(count()) as lethe_t${index}`, `'0' as lethe_odd${index}`];
    const value = `accurateCastOrNull(${id(total.column)}, 'Decimal(76, 12)')`;
    return [
      `toString(ifNull(sum(${value}), 0)) as lethe_t${index}`,
      `toString(count(${id(total.column)}) - count(${value})) as lethe_odd${index}`,
    ];
  });
  const of = async (source: string, people: string): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> => {
    const rows = await client.rows<{ lethe_period: string } & Record<string, string>>(
      `select ${period} as lethe_period, ${people} as lethe_people, ${list(sums)} from ${source} group by lethe_period order by lethe_period`,
    );
    return new Map(rows.map((row) => [row.lethe_period, row]));
  };
  const before = await of(own(batch, "taken", place), `toString(uniqExact(${takenRequest}))`);
  const after = await of(own(batch, "staged", place), "'0'");
  const totals = [...new Set([...before.keys(), ...after.keys()])].flatMap((each) =>
    analysis.conserve.map((total, index) => {
      const [was, is] = [before.get(each), after.get(each)].map((row) => ({
        total: row?.[`lethe_t${index}`] ?? "0",
        odd: row?.[`lethe_odd${index}`] ?? "0",
      }));
      return {
        table_name: table,
        measure: total.measure === "count" ? "count" : `sum(${total.column})`,
        period: each,
        before: was?.total ?? "0",
        after: is?.total ?? "0",
        equal: was?.total === is?.total && was?.odd === is?.odd,
        dimensions: {},
        people: Number(before.get(each)?.["lethe_people"] ?? 0),
        threshold: analysis.k,
        late: false,
      };
    }),
  );
  const changed = totals.find(({ equal }) => !equal);
  if (changed === undefined) return totals;
  throw new LetheError("TOTALS_CHANGED", `store ${name}: ${changed.measure} of ${table} would change`, {
    hint: "let the policy keep the columns that the total is made of, and its clock within the period",
  });
};
