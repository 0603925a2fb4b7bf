import { sql, type Kysely } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import { LetheError } from "#lib/errors.ts";
import type { Condition, Policy } from "#policy/policy.ts";
import { conditionsSql } from "#scope/conditions.ts";
import { probeAll, type Probe } from "#scope/probe.ts";
import { tableName } from "#scope/sql.ts";

type Conditions = {
  readonly table: string;
  readonly when: Readonly<Record<string, Condition>>;
  readonly path: readonly (string | number)[];
};

/**
 * Asks the database whether it can compare the columns with the values of the policy's conditions: one that it cannot would fail every
 * request at night. Throws POLICY_CONTRADICTION.
 */
export const probeConditions = async (db: Kysely<unknown>, catalog: Catalog, policy: Policy): Promise<void> => {
  const conditions: readonly Conditions[] = [
    ...policy.blockers.map(({ table, when }, index) => ({ table, when, path: ["blockers", index, "when"] })),
    ...policy.figures.map(({ table, where }, index) => ({ table, when: where, path: ["figures", index, "where"] })),
  ];
  const probes = conditions.flatMap(({ table, when, path }) =>
    Object.entries(when).map(([column, condition]): Probe => {
      const found = catalog.tables.get(table)?.columns.find(({ name }) => name === column);
      const place = policy.placeOf([...path, column]);
      const is = `${table}.${column} is ${found?.type ?? "unknown"}`;
      if (found?.shape === "text" && isOrderOfNumbers(condition)) {
        throw new LetheError(
          "POLICY_CONTRADICTION",
          `store ${catalog.store}: ${is} and the policy compares it with a number: as text, 1000 comes before 200`,
          { place, hint: "name a column of numbers; or put the value in quotes, if the order of texts is meant" },
        );
      }
      return {
        query: sql`select from ${tableName(table)} t where ${conditionsSql("t", { [column]: condition })} limit 0`,
        message: `${is} and cannot be compared with what the policy writes`,
        place,
        hint: "write a value of the column's type",
      };
    }),
  );
  await probeAll(db, catalog.store, probes);
};

const isOrderOfNumbers = (condition: Condition): boolean =>
  "compare" in condition && condition.compare !== "not" && typeof condition.value === "number";
