import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import { inChunks, streamRows } from "#db/chunks.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";
import { keyKind, macOf } from "#lib/mac.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import type { IdentifierKind } from "#records/request.ts";
import { recordedIn } from "#restore/lost-batches.ts";
import type { OpenRestore } from "#restore/standing.ts";
import { looksDone, lookOf } from "#restore/looks-done.ts";
import { column, relationText, tableName } from "#scope/sql.ts";

/**
 * A root row that a restore brought back. Certain: its key is that of somebody whose erasure was undone, and so are its identifiers. Else the
 * key may have been given to somebody new since, or they have come back by themselves, or somebody else shares the identifier: a person has to look.
 */
export type Recognised = { readonly key: string; readonly certain: boolean };

/**
 * Everybody whose erasure a restore undid: the root rows of the restored store are read once, in a stream, and compared with the suppression
 * entries (keyed hashes) of erasures after the recovery target time; neither database learns what the other holds. With them those whose erasure was
 * executed and not yet at its end. `take` gets them in chunks. Whoever waits to be erased and is not in the restored store is noted as gone from
 * it: its sequences were taken back as well, and their key is the next that somebody gets.
 */
export const recognise = async (
  ctx: Context,
  store: Store,
  restore: OpenRestore,
  take: (found: readonly Recognised[]) => Promise<void>,
): Promise<void> =>
  withClient(ctx.state.pool, async (client) => {
    const db = kyselyOn<StateDb>(client);
    await client.query("begin");
    try {
      await sql`create temporary table lethe_met (key text not null, mac bytea not null, is_key boolean not null, named integer not null,
        known boolean not null, recent boolean not null, done boolean not null) on commit drop`.execute(db);
      await createUnfinished(ctx, db, restore);
      await createSettled(db, restore);
      const journal = await createRecorded(db, store, restore);
      await readRoots(store, async (rows) => {
        await noteThere(db, rows);
        await meet(ctx, db, { ...restore, journal }, rows);
      });
      await noteGone(db, restore);
      for await (const found of inChunks(client, recognised(store, restore).compile(db))) await take(found);
      await client.query("commit");
    } catch (error) {
      await client.query("rollback").catch(() => undefined);
      throw error;
    }
  });

/**
 * A living person may share an identifier with somebody who was erased: theirs says nothing where the erased person's row is there. Once that
 * row is erased again, only a key tells that somebody has come back.
 */
const recognised = ({ policy }: Store, { first, blank }: OpenRestore) => sql<Recognised>`
  with there as (
    select o.mac, min(o.key) as key, count(*) as rows from lethe_met o join lethe_met k on k.key = o.key and k.is_key
    where not o.is_key group by o.mac),
  person as (
    select m.key, bool_or(is_key and (known or recent or ${blank})) as same_key, bool_or(is_key and (known or recent)) as undone, max(named) as named, bool_or(done) as done,
      count(distinct m.mac) filter (where not is_key) as met,
      bool_or(not is_key and recent and (t.mac is null or (t.rows = 1 and t.key = m.key))) as alone
    from lethe_met m left join there t on t.mac = m.mac and not m.is_key group by m.key)
  select key, undone and met = named and (named > 0 or (done and ${lookOf(policy).ours}) or ${Object.keys(policy.subject.identifiers).length === 0}) as certain from person where same_key or (alone and ${first}) order by key`;

type RootRow = {
  readonly key: string;
  readonly done: boolean;
  readonly values: Readonly<Partial<Record<IdentifierKind, string | null>>>;
};

const readRoots = ({ pool, policy }: Store, take: (rows: readonly RootRow[]) => Promise<void>): Promise<void> =>
  withClient(pool, async (client) => {
    const { table, key, identifiers } = policy.subject;
    const pairs = Object.entries(identifiers).flatMap(([kind, name]) => [
      sql.lit(kind),
      sql`${column("t", name)}::text`,
    ]);
    const described = await client.query<{ name: string; type: string }>(
      `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
      [relationText(table)],
    );
    const types = new Map(described.rows.map(({ name, type }) => [name, type]));
    const query = sql<RootRow>`select ${column("t", key)}::text as key, json_build_object(${sql.join(pairs)}) as values, ${looksDone(policy, "t", types)} as done
      from ${tableName(table)} t`;
    await client.query("begin isolation level repeatable read read only");
    // Somebody whom a row-level policy hides from us would stay: the server refuses instead.
    await client.query("set local row_security = off");
    const { named } = lookOf(policy);
    for await (const rows of inChunks(client, query.compile(kyselyOn(client)), rowsAtOnce))
      await take(rows.map((row) => (row.done ? { ...row, values: only(named, row.values) } : row)));
    await client.query("commit");
  });

const rowsAtOnce = 5_000;

const only = (kinds: ReadonlySet<string>, values: RootRow["values"]): RootRow["values"] =>
  Object.fromEntries(Object.entries(values).filter(([kind]) => kinds.has(kind)));

type Met = Pick<RootRow, "key" | "done"> & { readonly mac: Buffer; readonly isKey: boolean; readonly named: number };

/**
 * Keeps what is known of rows that answer to a suppression entry, or to somebody whose erasure was not at its end, in any way. `recent`: it is undone, since
 * it was after the time to which the store was taken back, or since the store's journal does not have the batch that last erased them, though it goes
 * back that far. Who looks erased was not brought back, or is erased again already; unless the journal lacks that batch: then they looked so
 * before. And where the journal cannot tell, what hangs on their row may be all that was restored.
 */
const meet = async (
  ctx: Context,
  db: Kysely<StateDb>,
  { id, store, since, blank, notice, journal }: OpenRestore & { readonly journal: string | null },
  rows: readonly RootRow[],
): Promise<void> => {
  const met = rows.flatMap((row) => metOf(ctx, store, row));
  await sql`insert into lethe_met (key, mac, is_key, named, known, recent, done)
    select m.key, m.mac, m.is_key, m.named, u.mac is not null, coalesce(s.latest > ${since} or s.lost, false), m.done
    from unnest(${met.map(({ key }) => key)}::text[], ${met.map(({ mac }) => mac)}::bytea[],
      ${met.map(({ isKey }) => isKey)}::boolean[], ${met.map(({ named }) => named)}::integer[],
      ${met.map(({ done }) => done)}::boolean[]) as m (key, mac, is_key, named, done)
    left join lethe_unfinished u on u.mac = m.mac
    left join lateral (select max(s.erased_at) as latest, (array_agg(r.id is null and b.committed_at >= ${journal}::timestamptz
        order by s.erased_at desc) filter (where b.id is not null))[1] as lost
      from lethe.suppression s left join lethe.batch b on b.id = s.batch_id left join lethe_recorded r on r.id = b.id
      where s.mac = m.mac and s.store = ${store}) s on true
    where (u.mac is not null or (s.latest is not null and (not m.done or s.lost or (${blank} and s.latest > ${since}))))
      and not (m.done and exists (select from lethe.restore_entry e where e.restore_id = ${id} and e.notice = ${notice} and e.mac = m.mac))`.execute(
    db,
  );
};

const metOf = (ctx: Context, store: string, { key, done, values }: RootRow): readonly Met[] => {
  const { country } = ctx.config.controller;
  const named = Object.entries(values).flatMap(([kind, value]) =>
    value === null || value.trim() === ""
      ? []
      : [macOf(ctx.keys.pseudonym, kind, normaliseFound(kind as IdentifierKind, value, country))],
  );
  const distinct = [...new Map(named.map((mac) => [mac.toString("hex"), mac])).values()];
  const ofKey = { key, mac: macOf(ctx.keys.pseudonym, keyKind(store), key), isKey: true, named: distinct.length, done };
  return [ofKey, ...distinct.map((mac) => ({ key, mac, isKey: false, named: distinct.length, done }))];
};

/** Of those whom a lost batch executed and who are not forgotten yet it is known who they are. */
const createUnfinished = async (ctx: Context, db: Kysely<StateDb>, { store }: OpenRestore): Promise<void> => {
  await sql`create temporary table lethe_unfinished (mac bytea primary key) on commit drop`.execute(db);
  const query = sql<{ kind: string; value: string }>`
    with undone as materialized (select s.request_id, s.key from lethe.subject s join lethe.batch b on b.id = s.batch_id
      where s.store = ${store} and s.state = 'executed' and s.key is not null and b.state = 'lost')
    select ${keyKind(store)}::text as kind, key as value from undone
    union select i.kind, i.value from undone join lethe.request_identifier i using (request_id)
    union select i.kind, i.value from undone join lethe.subject_identifier i using (request_id) where i.kind <> 'name'`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) {
    const macs = rows.map(({ kind, value }) => macOf(ctx.keys.pseudonym, kind, value));
    await sql`insert into lethe_unfinished select unnest(${macs}::bytea[])`.execute(db);
  }
};

/** The batches that the store's journal has; returns since when it tells of them, null where it cannot. */
const createRecorded = async (db: Kysely<StateDb>, store: Store, { blank }: OpenRestore): Promise<string | null> => {
  await sql`create temporary table lethe_recorded (id uuid primary key) on commit drop`.execute(db);
  if (blank) return null;
  const { batches, since } = await recordedIn(store);
  await sql`insert into lethe_recorded select unnest(${batches}::uuid[])`.execute(db);
  await sql`analyze lethe_recorded`.execute(db);
  return since;
};

/** Whom requests mean in the store, by their keys. */
const createSettled = async (db: Kysely<StateDb>, { store }: OpenRestore): Promise<void> => {
  await sql`create temporary table lethe_settled on commit drop as
    select distinct key, false as there from lethe.identity where store = ${store}`.execute(db);
  await sql`create index on lethe_settled (key)`.execute(db);
};

const noteThere = async (db: Kysely<StateDb>, rows: readonly RootRow[]): Promise<void> => {
  await sql`update lethe_settled set there = true where key = any (${rows.map(({ key }) => key)}::text[])`.execute(db);
};

const noteGone = async (db: Kysely<StateDb>, { store }: OpenRestore): Promise<void> => {
  await sql`update lethe.identity i set gone = not s.there from lethe_settled s
    where i.store = ${store} and i.key = s.key and i.gone = s.there`.execute(db);
  // Found before the restore. What a run that died has begun, the store's journal settles.
  await sql`delete from lethe.subject s using lethe.identity i
    where (s.request_id, s.store) = (i.request_id, i.store) and i.store = ${store} and i.gone and s.state = 'located'
      and not exists (select from lethe.batch b where b.id = s.batch_id and b.state = 'frozen')`.execute(db);
};
