import type { Catalog } from "#catalog/catalog.ts";
import { kindOf, madeOf } from "#catalog/types.ts";
import type { Analytics, Policy } from "#policy/policy.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf, missingColumn, missingTable } from "#plan/missing.ts";

/** Types that are no times, numbers or text are of a kind of their own. */
const comparedKind = (type: string): string => kindOf(type) ?? type;

/** Tables and columns that are not there, and columns that cannot be compared. */
export const attackFindings = (
  policy: Policy,
  catalog: Catalog,
  table: string,
  { attacks }: Analytics,
): readonly Finding[] =>
  attacks.flatMap(({ knows, by, whose }, index): readonly Finding[] => {
    const path = ["tables", table, "attack", index];
    const known = catalog.tables.get(knows);
    if (known === undefined) return [missingTable(policy, [...path, "knows"], knows, catalog)];
    const missing = [...Object.values(by), ...whose].filter((name) => columnOf(known, name) === undefined);
    if (missing.length > 0) return missing.map((name) => missingColumn(policy, path, known, name));
    const rule = policy.tables[knows];
    const blurred = whose.filter((name) => {
      const kind = rule !== undefined && "columns" in rule ? rule.columns[name]?.kind : undefined;
      return kind === "null" || kind === "constant" || kind === "unique";
    });
    if (blurred.length > 0) {
      return blurred.map((name) => ({
        code: "POLICY_CONTRADICTION",
        message: `${knows}.${name} tells nobody apart once the rule of ${knows} has changed it`,
        place: policy.placeOf([...path, "whose"]),
        hint: "name a column that stays, or leave `whose` out: each record is of somebody else then",
      }));
    }
    return Object.entries(by).flatMap(([column, other]): readonly Finding[] => {
      const [own, others] = [columnOf(catalog.tables.get(table), column), columnOf(known, other)].map(
        (each) => each && madeOf(each),
      );
      if (own === undefined || others === undefined || comparedKind(own) === comparedKind(others)) return [];
      return [
        {
          code: "POLICY_CONTRADICTION",
          message: `${table}.${column} is ${own} and ${knows}.${other} is ${others}: nobody could compare them`,
          place: policy.placeOf([...path, "by", column]),
          hint: "name columns of the same kind: times, numbers or text",
        },
      ];
    });
  });
