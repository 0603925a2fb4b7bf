import { sql, type Kysely } from "kysely";
import { comparisonsOf, fitting } from "#anonymity/attack.ts";
import { belowClasses } from "#execute/classes.ts";
import { mixedAmongFew } from "#execute/company.ts";
import { scopeFor } from "#execute/entries.ts";
import { GateError, waits, type TooFew } from "#execute/too-few.ts";
import type { Late } from "#records/anonymity.ts";
import type { Shape, Step } from "#records/plan.ts";
import { sameRow, scopeTable, tableName } from "#scope/sql.ts";

/**
 * k, l and t of the classes that hold rows of the batch, as the whole table is after the change (requirement D3) and before the commit; then whether
 * its rows can be joined to records of people. Throws `ANONYMITY_BELOW` or `ATTACK_MATCHED` naming the requests that have to wait.
 */
export const assertAnonymity = async (
  db: Kysely<unknown>,
  shape: Shape,
  { timeZone, repeats }: { readonly timeZone: string; readonly repeats: boolean },
): Promise<void> => {
  for (const step of shape.steps) {
    if (step.kind !== "anonymise") continue;
    const late = step.analysis?.late ?? "wait";
    // Who is erased once more after a restore was let through before, and the store must not wait for others to serve; unless it was the deadline
    // that let them through, which has come for them once and for all.
    if (repeats && late === "wait") continue;
    await assertCompany(db, shape, step, late);
    if (step.analysis === undefined) continue;
    const { gate, attacks } = step.analysis;
    const { table } = step;
    if (gate !== undefined) {
      const tooFew = await belowClasses(db, shape, { table, gate, late });
      if (tooFew.length > 0) throw new GateError(table, "ANONYMITY_BELOW", tooFew);
    }
    for (const attack of attacks) {
      const comparisons = comparisonsOf(table, attack, timeZone);
      await assertUnmatched(db, shape, { table, late, knows: attack.knows, comparisons });
    }
  }
};

const assertCompany = async (
  db: Kysely<unknown>,
  shape: Shape,
  step: Extract<Step, { kind: "anonymise" }>,
  late: Late,
): Promise<void> => {
  const { table } = step;
  const few = new Map<number, TooFew>();
  for (const { request, class: of, rows, people, among } of await mixedAmongFew(db, shape, step)) {
    if (few.has(request)) continue;
    const wait = { missing: among - people, then: late };
    const detail = { table, rows, measured: { k: people }, wait, hint: waits };
    few.set(request, { request, code: "ANONYMITY_BELOW", table, class: of, detail });
  }
  if (few.size > 0) throw new GateError(table, "ANONYMITY_BELOW", [...few.values()]);
};

/** Throws `ATTACK_MATCHED` naming the requests with rows that fit exactly one person of those records. */
const assertUnmatched = async (
  db: Kysely<unknown>,
  shape: Shape,
  {
    table,
    late,
    knows,
    comparisons,
  }: {
    readonly table: string;
    readonly late: Late;
    readonly knows: string;
    readonly comparisons: ReturnType<typeof comparisonsOf>;
  },
): Promise<void> => {
  const matched = new Map<number, TooFew>();
  for (const comparison of comparisons) {
    const { precision, names, ofRow } = comparison;
    const own = sql`select s.request, ${ofRow} from ${scopeTable(shape, table)} s
      join ${tableName(table)} t on ${sameRow(scopeFor(shape, table), "t", "s")} where not s.spared`;
    const { rows } = await sql<{ request: number; class: number; rows: number }>`
      select request, min(hashtext(row(${sql.join([...names])})::text)) as class, count(*) as rows
      from ${await fitting(db, own, comparison)} fitting where persons = 1 group by request order by request`.execute(
      db,
    );
    for (const { request, class: of, rows: count } of rows) {
      if (matched.has(request)) continue;
      const hint = `${precision === "exact" ? "exactly" : "roughly"} compared, one person alone fits in ${knows}: ${waits}`;
      matched.set(request, {
        request,
        code: "ATTACK_MATCHED",
        table,
        class: of,
        detail: { table, rows: count, wait: { missing: 1, then: late }, hint },
      });
    }
  }
  if (matched.size > 0) throw new GateError(table, "ATTACK_MATCHED", [...matched.values()]);
};
