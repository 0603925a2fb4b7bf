import { sql, type RawBuilder } from "kysely";
import type { Policy } from "#policy/policy.ts";
import { signsOf } from "#scope/treated.ts";

/**
 * What a root row that looks done still says of whose it is. `named`: the kinds of identifiers that it may bear; `ours`: it looks as nobody but us would
 * have made it look, since an identifier was replaced and not only emptied.
 */
export const lookOf = ({
  subject,
  tables,
}: Policy): { readonly named: ReadonlySet<string>; readonly ours: boolean } => {
  const rule = tables[subject.table];
  const signs = Object.entries(subject.identifiers).map(([kind, name]) => {
    const transform = rule !== undefined && "columns" in rule ? rule.columns[name]?.kind : undefined;
    return { kind, replaced: transform === "unique" || transform === "constant", emptied: transform === "null" };
  });
  return {
    named: new Set(signs.flatMap(({ kind, replaced, emptied }) => (replaced || emptied ? [] : [kind]))),
    ours: signs.some(({ replaced }) => replaced),
  };
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
