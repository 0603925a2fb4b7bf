import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { appendEntries } from "#ledger/append.ts";
import { dayIn } from "#lib/clock.ts";
import { faultPoint } from "#lib/fault.ts";
import { keyKind, macOf } from "#lib/mac.ts";
import { requestReference } from "#lib/random.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { defaultPurpose } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import { recognise, type Recognised } from "#restore/recognise.ts";
import { markStore } from "#restore/marker.ts";
import { ended, type OpenRestore } from "#restore/standing.ts";

/** What a request that repeats an erasure is due by: nobody is served before. */
const basis = "before the restored store serves";

/**
 * Enters a request for everybody whom a restore brought back. It was approved when they were erased; where it is not certain who a row is of,
 * a person approves or refuses it. Whoever is entered already is not entered again, unless their row has come back once more.
 */
export const enterRepeats = async (ctx: Context, run: Run, store: Store, restore: OpenRestore): Promise<void> => {
  await recognise(ctx, store, restore, (found) => enter(ctx, run, store, restore, found));
  faultPoint("after-repeats-entered");
  await forgetMarks(ctx, store);
  await markStore(ctx, store);
  const at = ctx.clock.now().toString();
  await sql`update lethe.restore set scanned_at = ${at}, scans = scans + 1 where id = ${restore.id}`.execute(
    ctx.state.db,
  );
};

const enter = async (
  ctx: Context,
  run: Run,
  store: Store,
  restore: OpenRestore,
  found: readonly Recognised[],
): Promise<void> => {
  if (found.length === 0) return;
  const people = found.map(({ key, certain }) => ({
    key,
    certain,
    ref: requestReference(ctx.random),
    mac: macOf(ctx.keys.pseudonym, keyKind(store.name), key).toString("hex"),
  }));
  const at = ctx.clock.now();
  const today = dayIn(at, ctx.config.controller.timeZone).toString();
  const purpose = store.policy.purposes?.[0] ?? defaultPurpose;
  const detail = JSON.stringify({ store: store.name });
  await ctx.state.db.transaction().execute(async (tx) => {
    const settled = await settleCertain(tx, run, restore, { people, at: at.toString() });
    const entered = await sql<{ id: number; ref: string; certain: boolean }>`
      with person as (select * from jsonb_to_recordset(${JSON.stringify(people)}::jsonb) as x (key text, certain boolean, ref text, mac text)),
      entered as (
        insert into lethe.request (ref, state, received_on, due_on, due_basis, purpose, created_at, changed_at, restore_id,
          code, code_since, detail, scheduled_for, run_id)
        select p.ref, case when p.certain then 'approved' else 'verified' end, ${today}, ${today}, ${basis}, ${purpose}, ${at.toString()},
          ${at.toString()}, ${restore.id}, case when not p.certain then 'RESTORE_UNCERTAIN' end,
          case when not p.certain then ${at.toString()}::timestamptz end, case when not p.certain then ${detail}::jsonb end,
          ${store.policy.deletion.grace === undefined ? null : at.toString()}::timestamptz, ${run.id}
        from person p where not exists (select from lethe.restore_entry e join lethe.request r on r.id = e.request_id
          where e.restore_id = ${restore.id} and e.mac = decode(p.mac, 'hex') and (r.state not in ${ended}
            or (r.state in ('refused', 'withdrawn') and e.notice = ${restore.notice} and (e.certain or not p.certain))))
        returning id, ref),
      noted as (insert into lethe.restore_entry (request_id, restore_id, notice, mac, certain)
        select e.id, ${restore.id}, ${restore.notice}, decode(p.mac, 'hex'), p.certain from entered e join person p on p.ref = e.ref)
      select e.id, e.ref, p.certain from entered e join person p on p.ref = e.ref order by e.id`.execute(tx);
    const ids = new Map(entered.rows.map(({ id, ref }) => [ref, id]));
    await saveWhom(
      tx,
      store,
      people.flatMap(({ ref, key }) => ({ id: ids.get(ref), key })),
    );
    const events = entered.rows.flatMap(({ ref, certain }): LedgerEvent[] => [
      { kind: "request.received", request: ref, received: today, due: today, basis, source: "restore", purpose },
      { kind: "request.repeats", request: ref, store: store.name, certain },
    ]);
    const repeats = settled.map((ref): LedgerEvent => ({
      kind: "request.repeats",
      request: ref,
      store: store.name,
      certain: true,
    }));
    await appendEntries(tx, [...repeats, ...events], { at, run: run.id });
  });
};

/**
 * Of whom it was not certain that the restore brought them back, and is now that an earlier time is told, nobody has to say it any more. Returns the
 * references.
 */
const settleCertain = async (
  tx: Kysely<StateDb>,
  run: Run,
  restore: OpenRestore,
  {
    people,
    at,
  }: { readonly people: readonly { readonly mac: string; readonly certain: boolean }[]; readonly at: string },
): Promise<readonly string[]> => {
  const macs = people.filter(({ certain }) => certain).map(({ mac }) => mac);
  const { rows } = await sql<{ ref: string }>`
    with settled as (
      update lethe.restore_entry e set certain = true from lethe.request r
      where e.restore_id = ${restore.id} and not e.certain and encode(e.mac, 'hex') = any (${macs}::text[])
        and r.id = e.request_id and r.state = 'verified' and r.code = 'RESTORE_UNCERTAIN'
      returning r.id)
    update lethe.request r set state = 'approved', code = null, code_since = null, detail = null, changed_at = ${at}, run_id = ${run.id}
    from settled where r.id = settled.id returning r.ref`.execute(tx);
  return rows.map(({ ref }) => ref).toSorted();
};

/** Whom they mean: the row itself. Its time of grace, where the policy gives one, is over. */
const saveWhom = async (
  tx: Kysely<StateDb>,
  { name, policy }: Store,
  people: readonly { readonly id: number | undefined; readonly key: string }[],
): Promise<void> => {
  const rows = JSON.stringify(people.filter(({ id }) => id !== undefined));
  await sql`insert into lethe.identity (request_id, store, key)
    select id, ${name}, key from jsonb_to_recordset(${rows}::jsonb) as x (id bigint, key text)`.execute(tx);
  if (policy.deletion.grace === undefined) return;
  await sql`insert into lethe.grace (request_id, store, key)
    select id, ${name}, key from jsonb_to_recordset(${rows}::jsonb) as x (id bigint, key text)`.execute(tx);
};

/** Marks of those who wait that the store has lost: the next night marks them again, and does not take them for active again meanwhile. */
const forgetMarks = async (ctx: Context, { name, pool }: Store): Promise<void> => {
  const waiting = await sql<{
    id: number;
    ref: string;
  }>`select r.id, r.ref from lethe.grace g join lethe.request r on r.id = g.request_id
    where g.store = ${name} and g.mark is not null`.execute(ctx.state.db);
  if (waiting.rows.length === 0) return;
  const known = await withClient(pool, async (client) => {
    const refs = waiting.rows.map(({ ref }) => ref);
    const { rows } = await sql<{ ref: string }>`select ref from lethe.journal_request
      where stage = 'soft' and ref = any (${refs}::text[])`.execute(kyselyOn(client));
    return new Set(rows.map(({ ref }) => ref));
  });
  const lost = waiting.rows.filter(({ ref }) => !known.has(ref)).map(({ id }) => id);
  await sql`update lethe.grace set lost = true where store = ${name} and request_id = any (${lost}::bigint[])`.execute(
    ctx.state.db,
  );
};
