import { sql, type RawBuilder } from "kysely";
import { baseType, ownEquality } from "#execute/own-equality.ts";
import type { StoreSession } from "#execute/store-session.ts";
import type { Edge } from "#records/plan.ts";
import { and, column } from "#scope/sql.ts";

/** How a guard finds the subject `s` that a row names. A function's body takes no parameters. */
export type Reference = {
  readonly edge: Edge;
  /** PL/pgSQL that runs `statements` where `names("new")` can be asked. */
  readonly within: (statements: RawBuilder<unknown>) => RawBuilder<unknown>;
  /** Whether the row `alias`, `new` or `old`, refers to the subject. */
  readonly names: (alias: "new" | "old") => RawBuilder<unknown>;
};

export const referenceOf = async (db: StoreSession["db"], edge: Edge): Promise<Reference> =>
  edge.asText === undefined ? sameType(db, edge) : otherType(db, edge);

const sameType = async (db: StoreSession["db"], edge: Edge): Promise<Reference> => {
  const pairs: { readonly name: string; readonly to: string; readonly equals: RawBuilder<unknown> }[] = [];
  for (const [index, name] of edge.columns.entries()) {
    const to = edge.to.columns[index] ?? "";
    const own = await ownEquality(db, { table: edge.table, name }, { table: edge.to.table, name: to });
    pairs.push({ name, to, equals: own ?? sql`=` });
  }
  return {
    edge,
    within: (statements) => statements,
    names: (alias) =>
      and([
        ...pairs.map(({ name, to, equals }) => sql`${column(alias, name)} ${equals} ${column("s", to)}`),
        ...speaksOf(edge, alias),
      ]),
  };
};

/**
 * A link between two types compares them as text, for which the subjects' table has no index. So the value is read as one of the key's type,
 * which has; what cannot be read as one names nobody. Then the texts decide, as everywhere: `01` is not the key 1.
 */
const otherType = async (db: StoreSession["db"], edge: Edge): Promise<Reference> => {
  const [name = ""] = edge.columns;
  const [to = ""] = edge.to.columns;
  const key = { table: edge.to.table, name: to };
  const type = await baseType(db, key);
  const equals = (await ownEquality(db, key)) ?? sql`=`;
  const text = (alias: string) => sql`cast(${column(alias, name)} as text)`;
  return {
    edge,
    // The label keeps the variable apart from columns of the same name.
    within: (statements) => sql`<<reference>> declare value ${type}; begin
      begin value := cast(${text("new")} as ${type}); exception when data_exception then null; end;
      ${statements} end;`,
    names: (alias) =>
      and([
        sql`${column("s", to)} ${equals} reference.value`,
        sql`cast(${column("s", to)} as text) = ${text(alias)}`,
        ...speaksOf(edge, alias),
      ]),
  };
};

/** The link's own condition. */
const speaksOf = (edge: Edge, alias: string): readonly RawBuilder<unknown>[] =>
  Object.entries(edge.where).map(([name, value]) => sql`${column(alias, name)}::text = ${sql.lit(value)}`);

/** The columns that say whose a row is. */
export const watched = ({ columns, where }: Edge): readonly string[] => [...columns, ...Object.keys(where)];
