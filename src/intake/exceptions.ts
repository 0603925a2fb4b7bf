import { sql, type Kysely } from "kysely";
import type { Temporal } from "temporal-polyfill";
import type { Store } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { canonicalJson, digestOf } from "#lib/canonical.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { DecidedException } from "#records/exception.ts";

/**
 * What an approval leaves in place under the policies in force, by category of data, with the exception of Art. 17(3) GDPR and its citation
 * (A6): every table that a store retains, whether or not the person has rows there. The same policies give the same list.
 */
export const exceptionsOf = (stores: readonly Pick<Store, "name" | "policy">[]): readonly DecidedException[] =>
  stores
    .flatMap(({ name: store, policy }) =>
      Object.entries(policy.tables).flatMap(([table, rule]): readonly DecidedException[] => {
        const retention = rule.treatment === "retain" ? policy.classes[rule.class] : undefined;
        if (rule.treatment !== "retain" || retention === undefined) return [];
        const { exception, basis } = retention;
        return [{ store, table, exception, basis, class: rule.class }];
      }),
    )
    .toSorted((a, b) => (a.store === b.store ? order(a.table, b.table) : order(a.store, b.store)));

const order = (a: string, b: string): number => (a < b ? -1 : 1);

/**
 * Stores the list, once for all approvals that make the same. The entry belongs before theirs, in the same transaction: then whoever checks a
 * bundle offline finds beside every approval what its digest stands for, and a thousand approvals hold the list once.
 */
export const listExceptions = async (
  db: Kysely<StateDb>,
  exceptions: readonly DecidedException[],
  at: Temporal.Instant,
): Promise<Extract<LedgerEvent, { kind: "exceptions.listed" }>> => {
  const digest = digestOf(exceptions);
  await sql`insert into lethe.exception_list (digest, body, listed_at)
    values (${digest}, ${canonicalJson(exceptions)}, ${at.toString()}) on conflict do nothing`.execute(db);
  return { kind: "exceptions.listed", digest, exceptions };
};
