import { columnOf, refuseBoth, unknown } from "#anonymity/measure-table.ts";
import type { Hierarchy } from "#anonymity/search/hierarchy.ts";
import type { Missed } from "#anonymity/search/fill.ts";
import { hierarchiesHint, type Hierarchies } from "#anonymity/search/read-hierarchies.ts";
import type { Wanted } from "#anonymity/search/search.ts";
import type { Question } from "#anonymity/search/tables.ts";
import type { Catalog, CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { isOrdered } from "#catalog/types.ts";
import type { Store } from "#context.ts";
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

export type Asked = Wanted & { readonly sensitive: readonly string[] };

/**
 * What is searched, and with which thresholds: the options, the policy for what they leave open, and the file of hierarchies against the table.
 *
 * Throws `HIERARCHIES_INVALID` with file, line and column where a hierarchy does not fit its column; `USAGE` for what does not exist.
 */
export const askedOf = (
  store: Store,
  { tables }: Catalog,
  read: Hierarchies,
  options: SearchOptions,
): { readonly table: CatalogTable; readonly wanted: Asked; readonly question: Question } => {
  const table = tables.get(options.table);
  if (table === undefined) throw unknown(`table of store ${store.name}`, options.table, tables.keys());
  const rule = store.policy.tables[options.table];
  const analytics = rule?.treatment === "anonymise" ? rule.analytics : undefined;
  refuseMistakes("HIERARCHIES_INVALID", unfitting(read, table, analytics), hierarchiesHint);
  const wanted = wantedOf(options, analytics);
  const sensitive = wanted.sensitive.map((name) => sensitiveOf(read, table, name));
  return { table, wanted, question: { table: options.table, hierarchies: read.hierarchies, sensitive } };
};

const wantedOf = (options: SearchOptions, analytics: Analytics | undefined): Asked => {
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

export const refuseSize = (nodes: number, most: number): void => {
  if (nodes <= most) return;
  throw new LetheError(
    "USAGE",
    `the hierarchies make ${figure(nodes)} combinations of levels, more than ${figure(most)}`,
    {
      hint: "leave out levels, or forbid the highest ones with `most`",
    },
  );
};

export const incomplete = (read: Hierarchies, missed: readonly Missed[]): TypeError => {
  const mistakes = missed.map(({ column, rows, values }) => ({
    place: read.placeOf(column),
    what: `${figure(rows)} rows have a value of ${column} of which the hierarchy says nothing (${figure(values)} different values)`,
    hint: "give each value of the column its groups",
  }));
  refuseMistakes("HIERARCHIES_INVALID", mistakes, hierarchiesHint);
  return new TypeError("nothing is missed");
};
