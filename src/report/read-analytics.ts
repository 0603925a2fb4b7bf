import { sql } from "kysely";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { AnonymityMore } from "#db/outcome-tables.ts";
import type { Reason } from "#records/anonymity.ts";
import type { AnonymityItem, LateItem } from "#report/anonymity-document.ts";
import type { Analysed } from "#report/limits.ts";
import type { Scope } from "#report/scope.ts";

export async function* readLate(snapshot: Snapshot, { ids }: Scope): AsyncGenerator<LateItem> {
  yield* stream(
    snapshot,
    sql<LateItem>`select r.ref, store, table_name as table, late, rows, r.due_on as due from lethe.late join lethe.request r on r.id = request_id
      where late.run_id = any (${ids}::text[]) order by r.ref, store, table_name`,
  );
}

/** What of the reasons is a threshold that is missed, and not a matter of what else there is. */
const missed: readonly Reason[] = ["small-classes", "few-values", "far-values", "matched"];

type AnonymityRow = Omit<AnonymityItem, "label" | "met">;

/** The latest measurement of each table in the runs, beside the one before the first of them. */
export async function* readAnonymity(snapshot: Snapshot, { ids }: Scope): AsyncGenerator<AnonymityItem> {
  const query = sql<AnonymityRow & { more: AnonymityMore }>`
    select distinct on (a.store, a.table_name) a.store, a.table_name as table, quasi, threshold, k, classes, rows, below, more,
      b.measures as before, b.missed as "beforeMissed", b.measured_in as "beforeIn",
      (select coalesce(sum(d.rows), 0)::int8 from lethe.disposition d where d.run_id = any (${ids}::text[]) and d.treatment = 'anonymise'
        and (d.store, d.table_name) = (a.store, a.table_name)) as touched,
      measured_at as "measuredAt"
    from lethe.anonymity a left join lateral (select * from lethe.anonymity_before b
        where b.run_id = any (${ids}::text[]) and (b.store, b.table_name) = (a.store, a.table_name) order by b.run_id limit 1) b on true
    where a.run_id = any (${ids}::text[]) order by a.store, a.table_name, measured_at desc`;
  for await (const { more, measuredAt, ...row } of stream(snapshot, query)) {
    const { reasons } = more;
    const met = !reasons.some((reason) => missed.includes(reason));
    yield { ...row, ...more, met, label: reasons.length === 0 ? "anonymous" : "de-identified", measuredAt };
  }
}

/** What a report has to say of the analytics of the runs as a whole: tables that are measured do not grow with the people. */
export const readAnalysed = async (snapshot: Snapshot, scope: Scope): Promise<Analysed> => {
  const labels: AnonymityItem["label"][] = [];
  for await (const { label } of readAnonymity(snapshot, scope)) labels.push(label);
  const [row] = await all(
    snapshot,
    sql<{
      totals: boolean;
    }>`select exists (select from lethe.conserved_told where run_id = any (${scope.ids}::text[])) as totals`,
  );
  return { labels, totals: row?.totals ?? false };
};
