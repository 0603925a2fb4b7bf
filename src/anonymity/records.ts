import { leftOf } from "#anonymity/left-columns.ts";
import type { Catalog } from "#catalog/catalog.ts";
import { kindOf, madeOf } from "#catalog/types.ts";
import { staysOf } from "#plan/changes.ts";
import type { Policy, TableRule } from "#policy/policy.ts";

/**
 * Tables in which records of people stay: those that a law holds, those with personal data that stays on purpose, and anonymised ones whose
 * rows still say something: whoever is recognised by the one may be found by it in the other.
 */
export const recordsOf = ({ tables }: Pick<Policy, "tables">): readonly string[] =>
  Object.entries(tables).flatMap(([name, rule]) => (isOfPeople(rule) || joinedBy(rule).length > 0 ? [name] : []));

/** Those of the same store beside an anonymised table; of anonymised ones only where a column could be compared with one of the table's. */
export const recordsBeside = (policy: Pick<Policy, "tables">, catalog: Catalog, table: string): readonly string[] => {
  const kinds = (name: string): ReadonlySet<string> => {
    const joined = new Set(joinedBy(policy.tables[name]));
    const columns = catalog.tables.get(name)?.columns.filter((column) => joined.has(column.name)) ?? [];
    return new Set(columns.map(madeOf).map((type) => kindOf(type) ?? type));
  };
  const own = kinds(table);
  return recordsOf(policy).filter(
    (name) => name !== table && (isOfPeople(policy.tables[name]) || [...kinds(name)].some((kind) => own.has(kind))),
  );
};

const isOfPeople = (rule: TableRule | undefined): boolean => {
  switch (rule?.treatment) {
    case undefined:
    case "erase":
      return false;
    case "retain":
      return true;
    case "keep":
      return rule.personal.length > 0;
    case "anonymise":
      return staysOf(rule.columns).length > 0;
  }
};

/** By which columns an anonymised table's rows could be joined to others. Where counts take the rows, none stays. */
const joinedBy = (rule: TableRule | undefined): readonly string[] =>
  rule?.treatment === "anonymise" && rule.aggregate === undefined ? leftOf(rule) : [];
