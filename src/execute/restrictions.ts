import { sql } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { LetheError } from "#lib/errors.ts";
import type { Shape } from "#records/plan.ts";
import {
  openPolicy,
  restrictingPolicy,
  restrictionGrants,
  restrictionOf,
  type Restriction,
} from "#scope/restriction.ts";

/**
 * Sees to it, before anything is retained, that what the policy restricts is restricted: by row-level security, which stands already, or which our
 * role may put there as the table's owner, or which its owner has to.
 *
 * Throws `RESTRICTION_MISSING`, with what its owner has to run, before anything has changed.
 */
export const assureRestrictions = async (session: StoreSession, shape: Shape, catalog: Catalog): Promise<void> => {
  const wanted = shape.steps.flatMap((step): Restriction[] => {
    const table = catalog.tables.get(step.table);
    return step.kind !== "retain" || step.readableBy.length === 0 || table === undefined
      ? []
      : [restrictionOf(table, step.readableBy)];
  });
  if (wanted.length === 0) return;
  await inTransaction(session, "read-write", async () => {
    await assertWeSeeAll(session, wanted);
    for (const restriction of wanted) await assureOne(session, restriction);
    for (const grant of restrictionGrants) await sql.raw(grant).execute(session.db);
  });
};

/** Whoever executes and verifies has to find the rows that are hidden from others. */
const assertWeSeeAll = async ({ db, store }: StoreSession, [first]: readonly Restriction[]): Promise<void> => {
  const { rows } = await sql<{ role: string; sees: boolean }>`select rolname as role, rolsuper or rolbypassrls as sees
    from pg_roles where rolname = current_user`.execute(db);
  if (rows[0]?.sees === true) return;
  throw missing(
    store.name,
    first?.table ?? "",
    "our role would not see the rows itself",
    `as a superuser: alter role ${rows[0]?.role ?? "lethe"} bypassrls`,
  );
};

type Standing = {
  readonly relation: string;
  readonly enabled: boolean;
  readonly forced: boolean;
  readonly digest: string | null;
  readonly open: boolean;
  readonly others: number;
  readonly ours: boolean;
};

const assureOne = async ({ db, store }: StoreSession, restriction: Restriction): Promise<void> => {
  const { rows } =
    await sql<Standing>`select format('%s.%s', n.nspname, c.relname) as relation, c.relrowsecurity as enabled,
      c.relforcerowsecurity as forced, pg_has_role(c.relowner, 'usage') as ours,
      (select obj_description(p.oid, 'pg_policy') from pg_policy p where p.polrelid = c.oid and p.polname = ${restrictingPolicy}
        and not p.polpermissive and p.polcmd = '*' and p.polroles = '{0}') as digest,
      exists (select from pg_policy p where p.polrelid = c.oid and p.polname = ${openPolicy}) as open,
      (select count(*) from pg_policy p where p.polrelid = c.oid and p.polname not in (${restrictingPolicy}, ${openPolicy})) as others
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where format('%s.%s', n.nspname, c.relname) = any (${[...restriction.relations]}::text[])`.execute(db);
  for (const standing of rows) {
    const { relation, enabled, forced, digest, open, others, ours } = standing;
    if (enabled && forced && digest === restriction.digest && open === (others === 0)) continue;
    if (!enabled && others > 0) {
      const hint =
        "drop the policies, or switch row-level security on yourself: we would switch on what the application has switched off";
      throw missing(store.name, relation, "it has row-level policies that are switched off", hint);
    }
    if (!ours) {
      throw missing(
        store.name,
        relation,
        "only its owner can restrict it",
        "run what `lethe policy grants` prints, as the table's owner",
      );
    }
    for (const statement of restriction.statements(relation)) await sql.raw(statement).execute(db);
  }
};

const missing = (store: string, table: string, why: string, hint: string): LetheError =>
  new LetheError(
    "RESTRICTION_MISSING",
    `store ${store}: rows of ${table} are to be readable by some roles only, and ${why}`,
    {
      hint,
    },
  );
