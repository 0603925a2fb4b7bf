import { columnOf, refuseBoth, storeOf, unknown } from "#anonymity/measure-table.ts";
import { becomes, topOf, type Hierarchy } from "#anonymity/search/hierarchy.ts";
import { hierarchiesHint, readHierarchies, type Hierarchies } from "#anonymity/search/read-hierarchies.ts";
import { mostNodes, nodesOf, search, type Answer, type Wanted } from "#anonymity/search/search.ts";
import { createSearchTables, type Question } from "#anonymity/search/tables.ts";
import { inPolicy, type InPolicy } from "#anonymity/search/to-policy.ts";
import type { CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { isOrdered } from "#catalog/types.ts";
import type { Context } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";
import { LetheError } from "#lib/errors.ts";
import { figure } from "#lib/figure.ts";
import { refuseMistakes, type Mistake } from "#lib/mistakes.ts";
import type { Analytics } from "#policy/policy.ts";
import { usualK } from "#records/anonymity.ts";

export type SearchOptions = {
  /** As the policy names it: `events`, `web.events`. */
  readonly table: string;
  /** Path of the file of hierarchies, whose columns are the quasi-identifiers. */
  readonly hierarchies: string;
  /** Undefined: the only store. */
  readonly store: string | undefined;
  /** Each undefined: the policy's; of k, where it has none, 5. */
  readonly k: number | undefined;
  readonly sensitive: readonly string[] | undefined;
  readonly l: number | undefined;
  readonly t: number | undefined;
  /** Percent of the rows that may be held back. */
  readonly suppress: number;
};

export type FoundColumn = InPolicy & {
  readonly column: string;
  readonly level: number;
  /** The highest level, one value for all. */
  readonly of: number;
  /** In words. */
  readonly becomes: string;
  /** Of this column, over all rows: 0 to 1. */
  readonly loss: number;
};

export type Found = Answer & {
  readonly store: string;
  readonly table: string;
  readonly wanted: Wanted & { readonly sensitive: readonly string[] };
  readonly columns: readonly FoundColumn[];
  readonly searchedAt: string;
};

/**
 * The levels of a table's quasi-identifiers that lose least and reach the thresholds, in one read-only snapshot of the store.
 *
 * Throws `HIERARCHIES_MISSING`, `HIERARCHIES_INVALID` with file, line and column, also where a hierarchy does not fit its column or says
 * nothing of values that the table holds; `USAGE` for what does not exist; `DATABASE_…`; `ROW_SECURITY` where rows would be hidden.
 */
export const searchTable = async (ctx: Context, options: SearchOptions): Promise<Found> => {
  const store = storeOf(ctx, options.store);
  const read = await readHierarchies(options.hierarchies);
  return withStoreSession(store, async (session) => {
    const { tables } = await inTransaction(session, "read-only", () => catalogOf(session));
    const table = tables.get(options.table);
    if (table === undefined) throw unknown(`table of store ${store.name}`, options.table, tables.keys());
    const rule = store.policy.tables[options.table];
    const analytics = rule?.treatment === "anonymise" ? rule.analytics : undefined;
    refuseMistakes("HIERARCHIES_INVALID", unfitting(read, table, analytics), hierarchiesHint);
    const wanted = wantedOf(options, analytics);
    const question: Question = {
      table: options.table,
      hierarchies: read.hierarchies,
      sensitive: wanted.sensitive.map((name) => sensitiveOf(read, table, name)),
    };
    refuseSize(question);
    await createSearchTables(session.db, question);
    const answer = await inTransaction(session, "read-only", () => search(session.db, question, wanted));
    if ("missed" in answer) throw incomplete(read, answer.missed);
    const columns = read.hierarchies.map((hierarchy, index) => foundColumn(hierarchy, answer, index, table));
    const searchedAt = ctx.clock.now().toString();
    return { store: store.name, table: options.table, wanted, ...answer, columns, searchedAt };
  });
};

const foundColumn = (hierarchy: Hierarchy, { best }: Answer, index: number, table: CatalogTable): FoundColumn => {
  const level = best.levels[index] ?? 0;
  const loss = best.losses[index] ?? 0;
  const column = columnOf(table, hierarchy.column);
  return {
    column: hierarchy.column,
    level,
    of: topOf(hierarchy),
    becomes: becomes(hierarchy, level),
    loss,
    ...inPolicy(hierarchy, level, column),
  };
};

const wantedOf = (options: SearchOptions, analytics: Analytics | undefined): Found["wanted"] => {
  const sensitive = options.sensitive ?? analytics?.sensitive ?? [];
  const { suppress, k = analytics?.k ?? usualK, l = analytics?.l, t = analytics?.t } = options;
  if (sensitive.length === 0 && (options.l !== undefined || options.t !== undefined)) {
    throw new LetheError("USAGE", "l and t are measured of sensitive columns, and none is named", {
      hint: "name them with --sensitive",
    });
  }
  // Everything is within 1: a policy's t is left out by that.
  const within = t === 1 ? undefined : t;
  if (within !== undefined && suppress > 0) {
    throw new LetheError("USAGE", "t and rows held back cannot be asked for at once", {
      hint: "t is measured from the whole table, which changes with each row that is held back: leave out --suppress, or give --t 1",
    });
  }
  return { k, l, t: within, suppress, sensitive };
};

const sensitiveOf = ({ hierarchies }: Hierarchies, table: CatalogTable, name: string) => {
  const ordered = isOrdered(columnOf(table, name));
  refuseBoth(
    hierarchies.map(({ column }) => column),
    [name],
  );
  return { column: name, ordered };
};

/** What the file says that the table, or the policy, does not bear out. */
const unfitting = (read: Hierarchies, table: CatalogTable, analytics: Analytics | undefined): readonly Mistake[] => {
  const mistakes = read.hierarchies.flatMap((hierarchy): Mistake[] => {
    const place = read.placeOf(hierarchy.column);
    const column = table.columns.find(({ name }) => name === hierarchy.column);
    if (column === undefined) {
      const { message: what, hint } = unknown(`column of ${table.name}`, hierarchy.column, namesOf(table));
      return [{ place, what, hint }];
    }
    columnOf(table, hierarchy.column);
    const why = misfit(hierarchy, column);
    return why === undefined ? [] : [{ place, what: `${column.name} is ${column.type}: ${why}` }];
  });
  // A misspelt column is also one that is missing: saying so twice helps nobody.
  if (mistakes.length > 0) return mistakes;
  const had = new Set(read.hierarchies.map(({ column }) => column));
  for (const name of analytics?.quasi ?? []) {
    if (had.has(name)) continue;
    const what = `the policy names ${name} as a quasi-identifier, and it has no hierarchy here`;
    mistakes.push({ place: read.placeOf(name), what, hint: `${name}: { levels: [] } for all or nothing` });
  }
  return mistakes;
};

const namesOf = ({ columns }: CatalogTable): readonly string[] => columns.map(({ name }) => name);

const misfit = ({ steps }: Hierarchy, { type }: CatalogColumn): string | undefined => {
  switch (steps.kind) {
    case "time": {
      if (!/^(date|timestamp)\b(?!.*\[\])/.test(type)) return "`time` is for dates and times";
      const [first] = steps.units;
      return type === "date" && (first === "hour" || first === "day") ? `${first} does not make it coarser` : undefined;
    }
    case "bands":
      return /^(smallint|integer|bigint|numeric|real|double precision|money)\b(?!.*\[\])/.test(type)
        ? undefined
        : "`bands` are for numbers";
    case "text":
      return undefined;
  }
};

const refuseSize = (question: Question): void => {
  const nodes = nodesOf(question);
  if (nodes <= mostNodes) return;
  throw new LetheError(
    "USAGE",
    `the hierarchies make ${figure(nodes)} combinations of levels, more than ${figure(mostNodes)}`,
    {
      hint: "leave out levels, or forbid the highest ones with `most`",
    },
  );
};

const incomplete = (read: Hierarchies, missed: readonly { column: string; rows: number; values: number }[]) => {
  const mistakes = missed.map(({ column, rows, values }) => ({
    place: read.placeOf(column),
    what: `${figure(rows)} rows have a value of ${column} of which the hierarchy says nothing (${figure(values)} different values)`,
    hint: "give each value of the column its groups",
  }));
  refuseMistakes("HIERARCHIES_INVALID", mistakes, hierarchiesHint);
  return new TypeError("nothing is missed");
};
