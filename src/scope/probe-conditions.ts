import { sql, type Kysely } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import { sqlFailureOf } from "#db/database-error.ts";
import { LetheError } from "#lib/errors.ts";
import type { Condition, Policy } from "#policy/policy.ts";
import { conditionsSql } from "#scope/conditions.ts";
import { tableName } from "#scope/sql.ts";

type Conditions = {
  readonly table: string;
  readonly when: Readonly<Record<string, Condition>>;
  readonly path: readonly (string | number)[];
};

/**
 * Asks the database whether it can compare the columns with the values of the policy's conditions: one that it cannot would fail every
 * request at night. Throws POLICY_CONTRADICTION, after which the caller's transaction is of no use.
 */
export const probeConditions = async (db: Kysely<unknown>, catalog: Catalog, policy: Policy): Promise<void> => {
  const conditions: readonly Conditions[] = [
    ...policy.blockers.map(({ table, when }, index) => ({ table, when, path: ["blockers", index, "when"] })),
    ...policy.figures.map(({ table, where }, index) => ({ table, when: where, path: ["figures", index, "where"] })),
  ];
  for (const { table, when, path } of conditions) {
    for (const [column, condition] of Object.entries(when)) {
      try {
        await sql`select from ${tableName(table)} t where ${conditionsSql("t", { [column]: condition })} limit 0`.execute(
          db,
        );
      } catch (error) {
        if (!/^(22|42883|42804)/.test(sqlFailureOf(error)?.sqlstate ?? "")) throw error;
        const type = catalog.tables.get(table)?.columns.find(({ name }) => name === column)?.type ?? "unknown";
        throw new LetheError(
          "POLICY_CONTRADICTION",
          `store ${catalog.store}: ${table}.${column} is ${type} and cannot be compared with what the policy writes`,
          { place: policy.placeOf([...path, column]), hint: "write a value of the column's type" },
        );
      }
    }
  }
};
