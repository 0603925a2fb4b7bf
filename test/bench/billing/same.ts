import type pg from "pg";
import type { Comparison } from "#test/bench/same.ts";

/** What becomes of who has rows that stop: the policy's remedies are carried out, or each of its seven blockers blocks. */
export type Variant = "remedy" | "block";

/** What is written down beside the changes: how each figure changed, the tasks for others, who was blocked and by what. */
export type Outcome = Readonly<Record<string, string>>;

/** The same of Lethe's own database, which holds nothing but this turn. */
export const outcomeOf = async (state: pg.Client): Promise<Outcome> => {
  const { rows } = await state.query<{ what: string; value: string }>(`
    select 'figure ' || figure as what, trim_scale(sum(after - before))::text as value from lethe.figure group by figure
    union all select 'tasks', count(*) || ' ' || coalesce(sum(hashtextextended(reference, 0)::numeric), 0) from lethe.task
    union all select 'blocked ' || code, count(*)::text from lethe.request where state = 'blocked' group by code`);
  return Object.fromEntries(rows.map(({ what, value }) => [what, value]));
};

export const comparison: Comparison = {
  // Where one writes down what the other writes elsewhere.
  apart: ["gateway_task"],
  parts: {
    // Written by triggers: in which order, when, and how often a row was touched before it went, is nobody's doing.
    audit_log: "row(table_name, row_id, action, old_row, new_row)::text",
    address_history: "row(address_id, action, old_row, new_row)::text",
  },
};
