import { sql, type Kysely } from "kysely";
import { attackTable, countKnown } from "#anonymity/attack-table.ts";
import { attacksOf, treatedOf } from "#anonymity/known.ts";
import { leftIn } from "#anonymity/left-columns.ts";
import { measure } from "#anonymity/measures.ts";
import { recordsBeside } from "#anonymity/records.ts";
import { sensitiveOf } from "#anonymity/sensitive.ts";
import type { Catalog } from "#catalog/catalog.ts";
import type { Analytics, Policy } from "#policy/policy.ts";
import type { Anonymity, AttackResult, Measures } from "#records/anonymity.ts";
import { and, tableName } from "#scope/sql.ts";
import { signsOf } from "#scope/treated.ts";

type Measured = Omit<Anonymity, "store" | "reasons" | "measuredAt">;

/** Tables of which the policy says how well people have to be hidden in them. */
export const measuredTables = ({
  tables,
}: Policy): readonly { readonly table: string; readonly analytics: Analytics }[] =>
  Object.entries(tables).flatMap(([table, rule]) =>
    rule.treatment === "anonymise" &&
    rule.analytics !== undefined &&
    // What is in it is of people who are known: the others are counts elsewhere.
    rule.aggregate === undefined &&
    (rule.analytics.quasi.length > 0 || rule.analytics.attacks.length > 0)
      ? [{ table, analytics: rule.analytics }]
      : [],
  );

/** Those of them that say something else once rows of `changed` tables are gone: their own rows, or the records that an attack knows. */
export const measuredAnew = (policy: Policy, changed: ReadonlySet<string>): ReadonlySet<string> =>
  new Set(
    measuredTables(policy)
      .filter(({ table, analytics }) =>
        [table, ...analytics.attacks.map(({ knows }) => knows)].some((name) => changed.has(name)),
      )
      .map(({ table }) => table),
  );

/** k, l and t of such a table, whole, as the caller's transaction sees it (requirement D3). */
export const measureOf = (
  db: Kysely<unknown>,
  catalog: Catalog,
  table: string,
  { quasi, sensitive, k }: Analytics,
): Promise<Measures> => {
  const wanted = { quasi, sensitive: sensitiveOf(catalog.tables.get(table), sensitive), least: k };
  return measure(db, tableName(table), wanted);
};

type Ruled = { readonly table: string; readonly analytics: Analytics; readonly timeZone: string };

/** Whom the attacks find that the policy lists (requirement D1). */
export const attackRule = async (
  db: Kysely<unknown>,
  policy: Policy,
  catalog: Catalog,
  { table, analytics, timeZone }: Ruled,
): Promise<readonly AttackResult[]> => {
  const treated = treatedOf(policy, catalog, table);
  const results: AttackResult[] = [];
  for (const attack of attacksOf(policy, catalog, table, analytics)) {
    results.push(...(await attackTable(db, table, attack, { treated, least: analytics.k, timeZone })));
  }
  return results;
};

/** The same with the policy's thresholds, and whom the attacks find that the policy lists. */
export const measureRule = async (
  db: Kysely<unknown>,
  policy: Policy,
  catalog: Catalog,
  ruled: Ruled,
): Promise<Measured> => {
  const { table, analytics } = ruled;
  const { quasi, k, l = null, t = null } = analytics;
  const compared = new Set(analytics.attacks.map(({ knows }) => knows));
  return {
    table,
    quasi,
    threshold: k,
    least: l,
    most: t,
    ...(await measureOf(db, catalog, table, analytics)),
    nameless: await measureNameless(db, policy, catalog, ruled),
    known: await countKnown(db, table, treatedOf(policy, catalog, table)),
    attacks: await attackRule(db, policy, catalog, ruled),
    ...leftIn(policy, catalog, table),
    notCompared: recordsBeside(policy, catalog, table).filter((name) => !compared.has(name)),
  };
};

/** k of the nameless rows alone, where the policy has people hidden among them. */
const measureNameless = async (
  db: Kysely<unknown>,
  policy: Policy,
  catalog: Catalog,
  { table, analytics: { anonymitySet, quasi, k: least } }: Ruled,
): Promise<Anonymity["nameless"]> => {
  if (anonymitySet === "everybody") return null;
  const source = sql`(select t.* from ${tableName(table)} t where ${and(signsOf(treatedOf(policy, catalog, table), "t"))})`;
  const { rows, classes, k, below } = await measure(db, source, { quasi, sensitive: [], least });
  return { rows, classes, k, below };
};
