import { sql, type Kysely, type RawBuilder } from "kysely";
import type { SubjectRoot } from "#policy/policy.ts";
import type { Hit } from "#verify/search.ts";

/**
 * Strikes from the search what is also the identifier of somebody else's root row: a telephone that two people share is the living person's
 * own data. The subject's own row never counts, whatever its treatment left in it; nor does any, where that row is no longer to be found: it
 * may be the person's under another key. Returns how many forms were struck.
 */
export const ownedByOthers = async (db: Kysely<unknown>, root: SubjectRoot, hits: readonly Hit[]): Promise<number> => {
  const requests = [...new Set(hits.map((hit) => hit.request))];
  const [first, second] = root.table.split(".", 2);
  const table = second === undefined ? sql.id("public", first ?? root.table) : sql.id(first ?? root.table, second);
  let struck = 0;
  for (const [kind, name] of Object.entries(root.identifiers)) {
    const value: RawBuilder<unknown> =
      kind === "phone"
        ? sql`regexp_replace(t.${sql.id(name)}::text, '\\D', '', 'g')`
        : sql`lower(t.${sql.id(name)}::text)`;
    // With one form go all of the same identifier: "+49 171 …" here may be "0171 …" elsewhere.
    const result = await sql`delete from pg_temp.lethe_sought f where f.identifier in (
      select w.identifier from pg_temp.lethe_sought w join ${table} t on ${value} = w.form
      where w.request = any (${requests}::bigint[]) and w.kind = ${kind === "phone" ? "phone" : "token"}
        and not exists (select from pg_temp.lethe_sought_key o
          where o.request = w.request and (o.key is null or o.key = t.${sql.id(root.key)}::text)))`.execute(db);
    struck += Number(result.numAffectedRows ?? 0n);
  }
  return struck;
};
