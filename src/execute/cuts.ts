import { sql, type RawBuilder } from "kysely";
import { following, places, scopeFor } from "#execute/entries.ts";
import { hasNoKey, type Shape, type Step } from "#records/plan.ts";
import {
  and,
  column,
  inScope,
  refers,
  refersIntoScope,
  refersToSpared,
  sameRow,
  scopeOf,
  scopeTable,
  tableName,
} from "#scope/sql.ts";

/** A step that makes rows refer to nothing. */
export type Cut = Extract<Step, { kind: "cut" }>;

/** One statement for all subjects of the batch, as every step. */
export const cutStatement = (shape: Shape, step: Cut): RawBuilder<unknown> => {
  const nulls = sql.join(step.edge.emptied.map((name) => sql`${sql.id(name)} = null`));
  const { from, where } = toCut(shape, step);
  const update = sql`update ${tableName(step.table)} t set ${nulls} from ${from} where ${where}`;
  const scope = step.why === "mention" ? undefined : scopeOf(shape, step.table);
  if (scope === undefined || !hasNoKey(scope)) return update;
  return sql`with changed as (${update} returning s.request ${places(shape, step.table)}) ${following(shape, step.table)} select`;
};

/** How many rows still refer to what they were cut loose from. */
export const uncut = (shape: Shape, step: Cut): RawBuilder<{ rows: number }> => {
  const { from, where } = toCut(shape, step);
  return sql`select count(*) as rows from ${tableName(step.table)} t, ${from} where ${where}`;
};

type ToCut = { readonly from: RawBuilder<unknown>; readonly where: RawBuilder<unknown> };

const toCut = (shape: Shape, { table, edge, why }: Cut): ToCut => {
  const self = scopeOf(shape, table);
  switch (why) {
    case "spared":
      // Either side may be the shared one: an address that a living customer uses too, or an order that is shipped to it.
      return {
        from: sql`${scopeTable(shape, table)} s`,
        where: sql`${sameRow(scopeFor(shape, table), "t", "s")}
          and case when s.spared then ${refersIntoScope(shape, edge, "t")} else ${refersToSpared(shape, edge, "t")} end`,
      };
    case "cycle": {
      const refer = edge.columns.map((name) => sql`${column("t", name)} is not null`);
      return {
        from: sql`${scopeTable(shape, table)} s`,
        where: sql`${sameRow(scopeFor(shape, table), "t", "s")} and not s.spared and ${and(refer)}`,
      };
    }
    case "mention": {
      const target = scopeFor(shape, edge.to.table);
      const own = self !== undefined && table === edge.to.table ? sql`and not ${inScope(shape, table, "t")}` : sql``;
      return {
        from: sql`${tableName(edge.to.table)} q, ${scopeTable(shape, edge.to.table)} p`,
        where: sql`${sameRow(target, "q", "p")} and not p.spared and ${refers(edge, "t", "q")} ${own}`,
      };
    }
  }
};
