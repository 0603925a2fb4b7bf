import type { CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { isComparable } from "#catalog/types.ts";
import type { Context, Store } from "#context.ts";
import { measure } from "#anonymity/measures.ts";
import { sensitiveOf } from "#anonymity/sensitive.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";
import { LetheError } from "#lib/errors.ts";
import { nearest } from "#lib/nearest.ts";
import { usualK, type Measures } from "#records/anonymity.ts";
import { tableName } from "#scope/sql.ts";

export type MeasureOptions = {
  /** As policies name it: `events`, `web.events`. */
  readonly table: string;
  /** Undefined: the store whose policy or schema has the table. */
  readonly store: string | undefined;
  /** Undefined: those that the policy names. */
  readonly quasi: readonly string[] | undefined;
  readonly sensitive: readonly string[];
  /** Undefined: the policy's, or 5. */
  readonly k: number | undefined;
};

export type Measured = Measures & {
  readonly store: string;
  readonly table: string;
  readonly quasi: readonly string[];
  readonly threshold: number;
  readonly measuredAt: string;
};

/**
 * k, l and t of a table of a store as it is now, in one read-only snapshot. Numbers, dates and times count as ordered, everything else as
 * categories.
 *
 * Throws `USAGE` for what does not exist, `DATABASE_…`, `ROW_SECURITY` where rows would be hidden from the measure.
 */
export const measureTable = async (ctx: Context, options: MeasureOptions): Promise<Measured> => {
  const store = storeOf(ctx, options.store);
  return withStoreSession(store, (session) =>
    inTransaction(session, "read-only", async () => {
      const { tables } = await catalogOf(session);
      const table = tables.get(options.table);
      if (table === undefined) throw unknown(`table of store ${store.name}`, options.table, tables.keys());
      const rule = store.policy.tables[options.table];
      const analytics = rule?.treatment === "anonymise" ? rule.analytics : undefined;
      const quasi = options.quasi ?? analytics?.quasi ?? [];
      if (quasi.length === 0) {
        throw new LetheError("USAGE", `the policy names no quasi-identifiers of ${options.table}`, {
          hint: "name the columns that together might give somebody away, with --quasi",
        });
      }
      for (const name of quasi) columnOf(table, name);
      for (const name of options.sensitive) columnOf(table, name);
      refuseBoth(quasi, options.sensitive);
      const sensitive = sensitiveOf(table, options.sensitive);
      const threshold = options.k ?? analytics?.k ?? usualK;
      const measures = await measure(session.db, tableName(options.table), { quasi, sensitive, least: threshold });
      const measuredAt = ctx.clock.now().toString();
      return { store: store.name, table: options.table, quasi, threshold, ...measures, measuredAt };
    }),
  );
};

/** Throws `USAGE` for a column that is to be both. */
export const refuseBoth = (quasi: readonly string[], sensitive: readonly string[]): void => {
  const both = sensitive.find((name) => quasi.includes(name));
  if (both === undefined) return;
  throw new LetheError("USAGE", `${both} cannot be a quasi-identifier and sensitive at once`, {
    hint: "what everybody may know tells classes apart; what nobody should learn is measured in them",
  });
};

export const storeOf = ({ stores }: Context, name: string | undefined): Store => {
  const [only, ...others] = stores;
  const found = name === undefined && others.length === 0 ? only : stores.find((store) => store.name === name);
  if (found !== undefined) return found;
  const names = stores.map((store) => store.name);
  if (name !== undefined) throw unknown("store", name, names);
  throw new LetheError("USAGE", "the configuration names several stores", {
    hint: `say which with --store: ${names.join(", ")}`,
  });
};

export const columnOf = ({ name: table, columns }: CatalogTable, name: string): CatalogColumn => {
  const found = columns.find((column) => column.name === name);
  if (found === undefined) {
    throw unknown(
      `column of ${table}`,
      name,
      columns.map((column) => column.name),
    );
  }
  if (isComparable(found)) return found;
  throw new LetheError(
    "USAGE",
    `values of ${table}.${name} cannot be compared: they are ${found.type}${found.base === undefined ? "" : `, made of ${found.base}`}`,
    {
      hint: "measure columns whose values are equal or different",
    },
  );
};

export const unknown = (what: string, name: string, known: Iterable<string>): LetheError => {
  const names = [...known];
  const meant = nearest(name, names);
  return new LetheError("USAGE", `there is no ${what} called ${name}`, {
    hint: meant === undefined ? `it has ${names.slice(0, 12).join(", ")}` : `did you mean ${meant}?`,
  });
};
