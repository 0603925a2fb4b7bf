import type { Kysely } from "kysely";
import { attackTable, countKnown } from "#anonymity/attack-table.ts";
import { attacksOf, treatedOf } from "#anonymity/known.ts";
import { measure } from "#anonymity/measures.ts";
import { isOrdered, type Catalog } from "#catalog/catalog.ts";
import type { Analytics, Policy } from "#policy/policy.ts";
import type { Anonymity, Measures } from "#records/anonymity.ts";
import { tableName } from "#scope/sql.ts";

type Measured = Omit<Anonymity, "store" | "reasons" | "measuredAt">;

/** Tables of which the policy says how well people have to be hidden in them. */
export const measuredTables = ({
  tables,
}: Policy): readonly { readonly table: string; readonly analytics: Analytics }[] =>
  Object.entries(tables).flatMap(([table, rule]) =>
    rule.treatment === "anonymise" &&
    rule.analytics !== undefined &&
    (rule.analytics.quasi.length > 0 || rule.analytics.attacks.length > 0)
      ? [{ table, analytics: rule.analytics }]
      : [],
  );

/** k, l and t of such a table, whole, as the caller's transaction sees it (requirement D3). */
export const measureOf = (
  db: Kysely<unknown>,
  catalog: Catalog,
  table: string,
  { quasi, sensitive, k }: Analytics,
): Promise<Measures> => {
  const columns = new Map(catalog.tables.get(table)?.columns.map((column) => [column.name, column]));
  const ordered = (name: string): boolean => {
    const column = columns.get(name);
    return column !== undefined && isOrdered(column);
  };
  const wanted = { quasi, sensitive: sensitive.map((name) => ({ column: name, ordered: ordered(name) })), least: k };
  return measure(db, tableName(table), wanted);
};

/** The same with the policy's thresholds, and whom the attacks find that the policy lists. */
export const measureRule = async (
  db: Kysely<unknown>,
  policy: Policy,
  catalog: Catalog,
  { table, analytics, timeZone }: { readonly table: string; readonly analytics: Analytics; readonly timeZone: string },
): Promise<Measured> => {
  const { quasi, k, l = null, t = null } = analytics;
  const treated = treatedOf(policy, catalog, table);
  const attacks = [];
  for (const attack of attacksOf(policy, catalog, table, analytics)) {
    attacks.push(...(await attackTable(db, table, attack, { treated, least: k, timeZone })));
  }
  const compared = new Set(analytics.attacks.map(({ knows }) => knows));
  return {
    table,
    quasi,
    threshold: k,
    least: l,
    most: t,
    ...(await measureOf(db, catalog, table, analytics)),
    known: await countKnown(db, table, treated),
    attacks,
    notCompared: recordsOf(policy).filter((name) => !compared.has(name)),
  };
};

/** Tables in which records of people stay: those that a law holds, and those with personal data that stays on purpose. */
export const recordsOf = ({ tables }: Policy): readonly string[] =>
  Object.entries(tables).flatMap(([name, rule]) =>
    rule.treatment === "retain" || (rule.treatment === "keep" && rule.personal.length > 0) ? [name] : [],
  );
