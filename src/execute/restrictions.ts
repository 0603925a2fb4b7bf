import { sql, type RawBuilder } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { LetheError } from "#lib/errors.ts";
import type { Shape } from "#records/plan.ts";
import {
  ourPolicies,
  restrictedFunction,
  restrictingPolicy,
  restrictionGrants,
  restrictionOf,
  type Restriction,
} from "#scope/restriction.ts";
import { column, tableName } from "#scope/sql.ts";

/**
 * Sees to it, before anything is retained, that what the policy restricts is restricted: by row-level security, which stands already, or which our
 * role may put there as the table's owner, or which its owner has to. What the policy restricts no more is not restricted any longer, nor
 * is a key whose row is gone.
 *
 * Throws `RESTRICTION_MISSING`, with what has to be done, before anything has changed.
 */
export const assureRestrictions = async (session: StoreSession, shape: Shape, catalog: Catalog): Promise<void> => {
  const wanted = shape.steps.flatMap((step): Restriction[] => {
    const table = catalog.tables.get(step.table);
    return step.kind !== "retain" || step.readableBy.length === 0 || table === undefined
      ? []
      : [restrictionOf(table, step.readableBy)];
  });
  await inTransaction(session, "read-write", async () => {
    if (wanted.length > 0) await assertWeSeeAll(session, wanted);
    for (const restriction of wanted) {
      await assertNothingShows(session, restriction);
      await assureOne(session, restriction);
    }
    if (wanted.length > 0) for (const grant of restrictionGrants) await sql.raw(grant).execute(session.db);
    await sweep(session, catalog, wanted);
  });
};

/** Whoever executes and verifies has to find the rows that are hidden from others. */
const assertWeSeeAll = async ({ db, store }: StoreSession, [first]: readonly Restriction[]): Promise<void> => {
  const { rows } = await sql<{ role: string; sees: boolean }>`select rolname as role, rolsuper or rolbypassrls as sees
    from pg_roles where rolname = current_user`.execute(db);
  if (rows[0]?.sees === true) return;
  const hint = `as a superuser: alter role ${rows[0]?.role ?? "lethe"} bypassrls`;
  throw missing(store.name, first?.table ?? "", "our role would not see the rows itself", hint);
};

/** A view reads with its owner's rights: one whose owner passes row-level security would show the rows to whoever may read the view. */
const assertNothingShows = async ({ db, store }: StoreSession, { table, relations }: Restriction): Promise<void> => {
  const { rows } = await sql<{ view: string }>`with recursive over (oid) as (
      select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where format('%s.%s', n.nspname, c.relname) = any (${[...relations]}::text[])
      union select r.ev_class from over o join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = o.oid
        and d.classid = 'pg_rewrite'::regclass join pg_rewrite r on r.oid = d.objid)
    select c.oid::regclass::text as view from over o join pg_class c on c.oid = o.oid join pg_roles r on r.oid = c.relowner
    where c.relkind in ('v', 'm') and (r.rolsuper or r.rolbypassrls)
      and not coalesce('security_invoker=true' = any (c.reloptions) or 'security_invoker=on' = any (c.reloptions), false) order by 1 limit 1`.execute(
    db,
  );
  const [shows] = rows;
  if (shows === undefined) return;
  const hint =
    "give the view an owner without BYPASSRLS, or let it read with its reader's rights: alter view … set (security_invoker = true)";
  throw missing(store.name, table, `${shows.view} would show them to whoever may read it`, hint);
};

type Standing = {
  readonly relation: string;
  readonly stands: boolean;
  readonly switchedOff: boolean;
  readonly ours: boolean;
};

const assureOne = async (
  { db, store }: StoreSession,
  { relations, digest, statements }: Restriction,
): Promise<void> => {
  await sql`set local search_path = pg_catalog`.execute(db);
  const ours = sql.join(ourPolicies.map((name) => sql.lit(name)));
  const { rows } =
    await sql<Standing>`select format('%s.%s', n.nspname, c.relname) as relation, pg_has_role(c.relowner, 'usage') as ours,
      not c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid and p.polname not in (${ours})) as "switchedOff",
      c.relrowsecurity and c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid and p.polname = ${restrictingPolicy}
        and not p.polpermissive and p.polcmd = '*' and p.polroles = '{0}' and obj_description(p.oid, 'pg_policy') =
          ${`${digest} `} || md5(pg_get_expr(p.polqual, p.polrelid) || pg_get_expr(p.polwithcheck, p.polrelid))) as stands
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where format('%s.%s', n.nspname, c.relname) = any (${[...relations]}::text[])`.execute(db);
  await sql`set local search_path to default`.execute(db);
  for (const standing of rows.filter(({ stands }) => !stands)) {
    const { relation } = standing;
    if (standing.switchedOff) {
      const hint =
        "drop the policies, or switch row-level security on yourself: we would switch on what the application has switched off";
      throw missing(store.name, relation, "it has row-level policies that are switched off", hint);
    }
    if (!standing.ours) {
      const hint = "run what `lethe policy grants` prints, as the table's owner";
      throw missing(store.name, relation, "only its owner can restrict it", hint);
    }
    await sql.raw(restrictedFunction).execute(db);
    for (const statement of statements(relation)) await sql.raw(statement).execute(db);
  }
};

/** Keys of rows that are gone would hide whoever comes under them next; and what the policy restricts no more is for everybody again. */
const sweep = async ({ db }: StoreSession, catalog: Catalog, wanted: readonly Restriction[]): Promise<void> => {
  const { rows } = await sql<{
    relation: string;
  }>`select distinct case n.nspname when 'public' then '' else n.nspname || '.' end || c.relname as relation
    from lethe.restricted r join pg_class c on c.oid = r.relation join pg_namespace n on n.oid = c.relnamespace`.execute(
    db,
  );
  for (const { relation } of rows) {
    const table = catalog.tables.get(relation);
    const restricted = wanted.some((each) => each.table === relation) && table !== undefined;
    const there = restricted
      ? sql`exists (select from ${tableName(relation)} t where ${keyOf(table.primaryKey)} = r.key)`
      : sql`false`;
    await sql`delete from lethe.restricted r where relation = ${tableName(relation).compile(db).sql}::regclass and not ${there}`.execute(
      db,
    );
  }
  await sql`delete from lethe.restricted r where not exists (select from pg_class c where c.oid = r.relation)`.execute(
    db,
  );
};

const keyOf = (primaryKey: readonly string[]): RawBuilder<unknown> => {
  const keys = sql.join(primaryKey.map((name) => column("t", name)));
  return primaryKey.length === 1 ? sql`${keys}::text` : sql`row(${keys})::text`;
};

const missing = (store: string, table: string, why: string, hint: string): LetheError =>
  new LetheError(
    "RESTRICTION_MISSING",
    `store ${store}: rows of ${table} are to be readable by some roles only, and ${why}`,
    { hint },
  );
