import type { Catalog } from "#catalog/catalog.ts";
import { staysOf } from "#plan/changes.ts";
import type { Policy, TableRule, Transform } from "#policy/policy.ts";
import type { Anonymity } from "#records/anonymity.ts";

type Anonymised = Extract<TableRule, { treatment: "anonymise" }>;

/** Columns that still say something of each row, be it coarser: by which rows can be told apart, or joined to others. */
export const leftOf = ({ columns }: Anonymised): readonly string[] =>
  Object.entries(columns).flatMap(([name, { kind }]) => (isLeft(kind) ? [name] : []));

const isLeft = (kind: Transform["kind"]): boolean => {
  switch (kind) {
    // The same in every row, or random in each.
    case "null":
    case "constant":
    case "unique":
    case "rekey":
      return false;
    case "keep":
    case "stays":
    case "redact":
    case "truncate":
    case "generalise":
    case "band":
    case "code":
    case "rare":
    case "mean":
    // The value is another row's of the batch, and there it tells that one apart; a moment, those who went in the same night.
    case "shuffle":
    case "now":
      return true;
  }
};

/**
 * What a table leaves that none of its measures is about. `stays`: personal data, on purpose. `unmeasured`: columns neither in `quasi` nor
 * `sensitive`, of which k says nothing: whoever knows one amount to the cent, or the second of a visit, knows the row, however large its class.
 * Nor is a total any less telling because it is conserved. A key that stays is the row's name elsewhere, and counts up with its neighbours (D4).
 */
export const leftIn = (
  { tables }: Pick<Policy, "tables">,
  catalog: Catalog,
  table: string,
): Pick<Anonymity, "stays" | "unmeasured"> => {
  const rule = tables[table];
  if (rule?.treatment !== "anonymise") return { stays: [], unmeasured: [] };
  const stays = staysOf(rule.columns).map(({ column }) => column);
  const measured = new Set([...(rule.analytics?.quasi ?? []), ...(rule.analytics?.sensitive ?? []), ...stays]);
  // A generated column says no more than those that it is computed from; what else has no line is a key.
  const keys = (catalog.tables.get(table)?.columns ?? [])
    .filter(({ name, generated }) => !generated && !Object.hasOwn(rule.columns, name))
    .map(({ name }) => name);
  return { stays, unmeasured: [...keys, ...leftOf(rule)].filter((name) => !measured.has(name)) };
};
