import { sql, type RawBuilder } from "kysely";
import type { Steps, Unit } from "#anonymity/search/hierarchy.ts";
import { whole } from "#anonymity/search/tables.ts";
import { lowerEnd } from "#scope/coarser.ts";

/** Of one level: the group in which a value `d.v` lies, and what a row loses by it, in millionths. */
export type StepSql = { readonly group: RawBuilder<unknown>; readonly loss: RawBuilder<unknown> };

export type StepsSql = {
  readonly steps: readonly StepSql[];
  /** Joined to the values `d`. */
  readonly join: RawBuilder<unknown>;
};

/**
 * The loss of a value is how much of its domain its group takes (Iyengar, KDD 2002; of text the normalised certainty penalty of Xu et al.,
 * KDD 2006): of numbers and times the width of the group by the range of the column in the table, at most 1; of text the other values in
 * the group by the other values in the hierarchy. To a millionth.
 */
export const stepsSql = (steps: Steps): StepsSql => {
  switch (steps.kind) {
    case "time":
      return timeSql(steps.units);
    case "bands":
      return bandsSql(steps.widths, steps.from);
    case "text":
      return textSql(steps.names, steps.groups);
  }
};

/** Of a column with one value only, every width is all of the range. */
const shareOf = (width: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`coalesce(least(round(${sql.lit(whole)} * (${width}) / nullif(s.range, 0)), ${sql.lit(whole)}), ${sql.lit(whole)})::int`;

const lengths: Readonly<Record<Unit, string>> = {
  hour: "1 hour",
  day: "1 day",
  week: "1 week",
  month: "1 month",
  quarter: "3 months",
  year: "1 year",
  decade: "10 years",
};

/** In UTC, as all our sessions are. What is infinite stays so, and loses nothing. */
const timeSql = (units: readonly Unit[]): StepsSql => {
  return {
    join: sql`cross join lateral (select d.v::timestamp as x) x
      cross join (select extract(epoch from max(y) - min(y)) as range
        from (select v::timestamp as y from d) r where isfinite(y)) s`,
    steps: units.map((unit) => {
      const group = sql`date_trunc(${sql.lit(unit)}, x.x)`;
      const width = sql`extract(epoch from ${group} + interval ${sql.lit(lengths[unit])} - ${group})`;
      return { group, loss: sql`case when isfinite(x.x) then ${shareOf(width)} else 0 end` };
    }),
  };
};

/** The lower end of the band, as a policy would make of it. */
const bandsSql = (widths: readonly string[], from: string): StepsSql => ({
  // Of a binary number what PostgreSQL writes has all digits; money is written as no number is read.
  join: sql`cross join lateral (select case when pg_typeof(d.v) in ('real'::regtype, 'double precision'::regtype)
      then d.v::text::numeric else d.v::numeric end as x) x
    cross join (select max(y) - min(y) as range
      from (select v::numeric as y from d) r where y not in ('NaN', 'Infinity', '-Infinity')) s`,
  steps: widths.map((written) => {
    const width = sql`${sql.lit(written)}::numeric`;
    return { group: lowerEnd(sql`x.x`, sql`${sql.lit(from)}::numeric`, width), loss: shareOf(width) };
  }),
});

const textSql = (names: readonly string[], groups: ReadonlyMap<string, readonly string[]>): StepsSql => {
  const sizes = names.map((_, index) => {
    const size = new Map<string, number>();
    for (const of of groups.values()) size.set(of[index] ?? "", (size.get(of[index] ?? "") ?? 0) + 1);
    return size;
  });
  const others = Math.max(groups.size - 1, 1);
  const listed = [...groups].map(([value, of]) => ({
    value,
    groups: of,
    losses: of.map((group, index) => Math.round((whole * ((sizes[index]?.get(group) ?? 1) - 1)) / others)),
  }));
  const join = sql`left join jsonb_to_recordset(${JSON.stringify(listed)}::jsonb) h (value text, groups jsonb, losses jsonb)
    on h.value = d.v::text collate "C"`;
  return {
    join: names.length === 0 ? sql`` : join,
    steps: names.map((_, index) => ({
      group: sql`h.groups ->> ${sql.lit(index)}`,
      loss: sql`(h.losses ->> ${sql.lit(index)})::int`,
    })),
  };
};
