import type { Catalog } from "#catalog/catalog.ts";
import type { Finding } from "#plan/finding.ts";
import { columnOf } from "#plan/missing.ts";
import type { Policy } from "#policy/policy.ts";

/** Types whose text is the same whatever the settings of whoever reads the row. */
const steady = /^(smallint|integer|bigint|uuid|text|character varying(\(\d+\))?|numeric(\(\d+(,-?\d+)?\))?)$/;

/** Restricted rows are told by their primary key, in a row-level policy. */
export const restrictionFindings = (policy: Policy, catalog: Catalog): readonly Finding[] =>
  Object.entries(policy.tables).flatMap(([name, rule]): readonly Finding[] => {
    const table = catalog.tables.get(name);
    if (table === undefined || rule.treatment !== "retain" || rule.readableBy === undefined) return [];
    const place = policy.placeOf(["tables", name, "readable_by"]);
    if (table.primaryKey.length === 0) {
      const hint = `give ${name} a primary key`;
      return [
        {
          code: "POLICY_CONTRADICTION",
          message: `${name} has no primary key: nobody can tell which of its rows are restricted`,
          place,
          hint,
        },
      ];
    }
    return table.primaryKey
      .map((key) => ({ key, type: columnOf(table, key)?.type ?? "" }))
      .filter(({ type }) => !steady.test(type))
      .map(({ key, type }): Finding => ({
        code: "POLICY_CONTRADICTION",
        message: `${name}.${key} is ${type}, which different sessions may write differently: it cannot tell which rows are restricted`,
        place,
        hint: "restrict tables whose primary key is of numbers, text or uuid",
      }));
  });
