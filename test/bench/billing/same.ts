import type pg from "pg";

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

/** Where one writes down what the other writes elsewhere. */
const apart = ["gateway_task"];

const volatile: Readonly<Record<string, string>> = {
  // Written by triggers: in which order, when, and how often a row was touched before it went, is nobody's doing.
  audit_log: "row(table_name, row_id, action, old_row, new_row)::text",
  address_history: "row(address_id, action, old_row, new_row)::text",
};

/** Rows and an order-independent fingerprint of every table. */
export const fingerprints = async (client: pg.Client): Promise<Readonly<Record<string, string>>> => {
  const { rows } = await client.query<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm') and not relispartition order by 1",
  );
  const prints: Record<string, string> = {};
  for (const { name } of rows) {
    if (apart.includes(name)) continue;
    const row = volatile[name] ?? "t::text";
    const found = await client.query<{ print: string }>(
      `select count(*) || ' ' || coalesce(sum(hashtextextended(line, 0)::numeric), 0) as print
       from (select ${name in volatile ? "distinct" : ""} ${row} as line from ${name} t) l`,
    );
    prints[name] = found.rows[0]?.print ?? "";
  }
  return prints;
};

/** Tables that differ; empty when both sides did the same. */
export const differences = (
  one: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
): readonly string[] => Object.keys({ ...one, ...other }).filter((name) => one[name] !== other[name]);
