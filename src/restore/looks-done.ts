import { sql, type RawBuilder } from "kysely";
import type { Policy } from "#policy/policy.ts";
import { signsOf } from "#scope/treated.ts";

/** Kinds of identifiers that the policy leaves in the root row: by the others nobody who looks erased can be known. */
export const identifiersLeft = ({ subject, tables }: Policy): ReadonlySet<string> => {
  const rule = tables[subject.table];
  const isLeft = (name: string): boolean =>
    rule?.treatment === "keep" ||
    (rule !== undefined && "columns" in rule && (rule.columns[name] ?? { kind: "keep" }).kind === "keep");
  return new Set(Object.entries(subject.identifiers).flatMap(([kind, name]) => (isLeft(name) ? [kind] : [])));
};

/** The columns of the root row by name, with their types as PostgreSQL prints them. */
export type RootTypes = ReadonlyMap<string, string>;

/**
 * Whether the root row `alias` says what the policy leaves of somebody: then a restore has not brought them back, or they are erased again
 * already. By the columns that come out the same for everybody; where there are none, it cannot be told.
 */
export const looksDone = (
  { subject, tables, deletion }: Policy,
  alias: string,
  types: RootTypes,
): RawBuilder<boolean> => {
  const rule = tables[subject.table];
  const set =
    rule !== undefined && "columns" in rule
      ? rule.columns
      : rule?.treatment === "keep"
        ? (deletion.mark?.set ?? {})
        : {};
  const conditions = signsOf(
    // As the column prints it: what was set as 0 says 0.00 there.
    Object.entries(set).map(([name, transform]) => ({ name, transform, type: types.get(name) })),
    alias,
  );
  return conditions.length === 0 ? sql`false` : sql`(${sql.join([...conditions], sql` and `)})`;
};
