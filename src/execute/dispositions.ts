import { Temporal } from "temporal-polyfill";
import type { SparedRow, StayRow, StepRow } from "#execute/journal.ts";
import type { Policy, RetentionClass } from "#policy/policy.ts";
import { erasableFrom } from "#policy/retention.ts";

/** What became of each subject's records, per table: what the journal counted, with the law's words and days. */
export const dispositionsOf = (policy: Policy, steps: readonly StepRow[], spared: readonly SparedRow[]) => {
  const key = (row: { request: number; table_name: string }): string => `${row.request} ${row.table_name}`;
  const left = new Map(spared.map((row) => [key(row), row]));
  const until = untilBy(policy);
  const changed = steps.map((step) => {
    const also = left.get(key(step));
    left.delete(key(step));
    return {
      request: step.request,
      table_name: step.table_name,
      treatment: step.treatment,
      rows: step.rows,
      spared: also?.rows ?? 0,
      basis: basisOf(policy, step.table_name),
      clock_first: step.clock_first,
      clock_last: step.clock_last,
      until_first: until(step.table_name, step.clock_first),
      until_last: until(step.table_name, step.clock_last),
      exception: classOf(policy, step.table_name)?.exception ?? null,
      restricted: isRestricted(policy, step.table_name),
      undated: step.undated,
    };
  });
  const untouched = [...left.values()].map((row) => ({
    request: row.request,
    table_name: row.table_name,
    treatment: policy.tables[row.table_name]?.treatment ?? "keep",
    rows: 0,
    spared: row.rows,
    basis: null,
    clock_first: null,
    clock_last: null,
    until_first: null,
    until_last: null,
    exception: null,
    restricted: false,
    undated: 0,
  }));
  return [...changed, ...untouched];
};

const classOf = (policy: Policy, table: string) => {
  const rule = policy.tables[table];
  return rule?.treatment === "retain" ? policy.classes[rule.class] : undefined;
};

const isRestricted = ({ tables }: Policy, table: string): boolean => {
  const rule = tables[table];
  return rule?.treatment === "retain" && rule.readableBy !== undefined;
};

const basisOf = (policy: Policy, table: string): string | null => classOf(policy, table)?.basis ?? null;

/** First erasable day by table and clock, remembered: thousands of rows share a few days. */
const untilBy = (policy: Policy): ((table: string, clock: string | null) => string | null) => {
  const known = new Map<string, string | null>();
  return (table, clock) => {
    if (clock === null) return null;
    const key = `${table} ${clock}`;
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const retention = classOf(policy, table);
    const day = retention === undefined ? null : lastDayOf(retention, clock);
    known.set(key, day);
    return day;
  };
};

/** The store has committed: nothing may fail on what a clock says. Days that cannot be written down are the last one that can. */
const lastDayOf = (retention: RetentionClass, clock: string): string | null => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(clock)) return null;
  const day = erasableFrom(retention, Temporal.PlainDate.from(clock));
  return day.year > 9999 ? "9999-12-31" : day.toString();
};

/** What stays of each subject's personal data, with the policy's reason and the day on which a statute lets go of the last row. */
export const staysOf = (policy: Policy, stays: readonly StayRow[]) => {
  const until = untilBy(policy);
  return stays.map(({ request, table_name, column_name, rows, clock_last }) => ({
    request,
    table_name,
    column_name,
    rows,
    why: whyOf(policy, table_name, column_name),
    clock_last,
    until: until(table_name, clock_last),
  }));
};

const whyOf = (policy: Policy, table: string, column: string): string => {
  const rule = policy.tables[table];
  if (rule?.treatment === "keep") return rule.reason;
  const transform = rule !== undefined && "columns" in rule ? rule.columns[column] : undefined;
  return transform?.kind === "stays" ? transform.why : "";
};
