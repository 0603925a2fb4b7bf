import { sql } from "kysely";
import { waitAlone } from "#clickhouse/alone.ts";
import { locateInColumns } from "#clickhouse/locate.ts";
import type { ColumnStore, Context, Store } from "#context.ts";
import { lockHolds } from "#db/hold-lock.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { checkPlacing, insertHold, placedAs, type Placing } from "#holds/placing.ts";
import { parseFields, type Fields } from "#intake/row.ts";
import { refusedFields, todayOf } from "#intake/requests.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { isLetheError, LetheError } from "#lib/errors.ts";
import { holdReference } from "#lib/random.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import type { Identifier } from "#records/request.ts";
import { locate, type Wanted } from "#scope/locate.ts";

export type PlacedOnSubject = {
  readonly ref: string;
  readonly matter: string;
  /** How many root rows answer to the identifiers, store by store; null where a store could not be asked. */
  readonly found: readonly { readonly store: string; readonly rows: number | null }[];
};

/**
 * Puts a person who has asked for nothing under a legal hold: their rows stay, whatever their age, and whoever asks for their erasure waits. A
 * store that cannot be reached is no reason to wait; the night looks there again.
 *
 * Throws `REQUEST_INVALID` for identifiers that are none, and `HOLD_SUBJECT_UNKNOWN` where every store was asked and none knows the person.
 */
export const holdSubject = async (ctx: Context, placing: Placing, fields: Fields): Promise<PlacedOnSubject> => {
  checkPlacing(ctx, placing);
  const today = todayOf(ctx);
  const row = parseFields({ ...fields, received: today.toString() }, ctx.config.controller, today);
  if (!row.ok) throw refusedFields(row.code);
  const { stores: known, identifiers } = await lookUp(ctx, row.entrant.identifiers);
  if (known.every(({ keys }) => keys?.length === 0)) {
    throw new LetheError("HOLD_SUBJECT_UNKNOWN", "no store knows the person whom the hold is to protect", {
      hint: "check the identifiers for a typing error: a hold on nobody would protect nothing",
    });
  }
  const ref = holdReference(ctx.random);
  await inTransaction(ctx, async (db) => {
    await lockHolds(db, "hold");
    const id = await insertHold(ctx, db, placing, { ref, kind: "subject" });
    // What a store that is down tonight knows the person by, another may have told.
    for (const { kind, value } of identifiers)
      await sql`insert into lethe.hold_identifier (hold_id, kind, value) values (${id}, ${kind}, ${value}) on conflict do nothing`.execute(
        db,
      );
    for (const { store, keys } of known) {
      // Of several nobody knows which is meant: the night protects all of them, as it finds them.
      const [key, ...others] = keys ?? [];
      if (key === undefined || others.length > 0) continue;
      await sql`insert into lethe.hold_subject (hold_id, store, key) values (${id}, ${store}, ${key})`.execute(db);
    }
    await appendEntries(db, [{ kind: "hold.placed", ...placedAs(ctx, ref, placing), of: "subject" }], {
      at: ctx.clock.now(),
      run: null,
    });
  });
  return {
    ref,
    matter: placing.matter,
    found: known.map(({ store, keys }) => ({ store, rows: keys?.length ?? null })),
  };
};

type Known = { readonly store: string; readonly keys: readonly string[] | null };
/** `identifiers`: as asked, and as found. */
type Found = { readonly stores: readonly Known[]; readonly identifiers: readonly Identifier[] };

/** What one store knows of the person leads into the next; but not a telephone or a device, which others may share. */
const lookUp = async (ctx: Context, asked: readonly Identifier[]): Promise<Found> => {
  const known = new Map<string, readonly string[] | null>();
  const wanted = new Map(asked.map((each) => [`${each.kind} ${each.value}`, each]));
  // A later store may lead back into an earlier one.
  for (let before = 0; before < wanted.size;) {
    before = wanted.size;
    for (const store of ctx.stores) {
      const first = ctx.stores[0] === store;
      const here = [...wanted.values()].filter(({ kind, value }) => first || kind !== "key" || !/^[0-9]+$/.test(value));
      const found = await rowsOf(ctx, store, here).catch((error: unknown) => {
        if (isLetheError(error, "DATABASE_LOST") || isLetheError(error, "DATABASE_REFUSED")) return null;
        throw error;
      });
      known.set(store.name, found?.keys ?? null);
      for (const each of found?.identifiers ?? []) wanted.set(`${each.kind} ${each.value}`, each);
    }
  }
  for (const store of ctx.columnStores) {
    const keys = await keysIn(ctx, store, [...wanted.values()]).catch((error: unknown) => {
      if (isLetheError(error, "DATABASE_LOST") || isLetheError(error, "DATABASE_REFUSED")) return null;
      throw error;
    });
    known.set(store.name, keys);
  }
  return { stores: [...known].map(([store, keys]) => ({ store, keys })), identifiers: [...wanted.values()] };
};

/** A bare number as key is one of the first store. */
const keysIn = async (
  ctx: Context,
  store: ColumnStore,
  identifiers: readonly Identifier[],
): Promise<readonly string[]> => {
  const keys: string[] = [];
  async function* wanted(): AsyncGenerator<Wanted> {
    for (const each of identifiers) {
      if (each.kind !== "key" || !/^[0-9]+$/.test(each.value)) yield await Promise.resolve({ request: 0, ...each });
    }
  }
  await waitAlone(ctx, store.name, async () => {
    for await (const rows of locateInColumns(ctx, store, wanted())) keys.push(...rows.map(({ key }) => key));
  });
  return keys;
};

type Rows = { readonly keys: readonly string[]; readonly identifiers: readonly Identifier[] };

const rowsOf = (ctx: Context, { pool, policy }: Store, identifiers: readonly Identifier[]): Promise<Rows> =>
  withClient(pool, async (client) => {
    await client.query("set row_security = off");
    await client.query("begin isolation level repeatable read");
    async function* wanted(): AsyncGenerator<Wanted> {
      yield* await Promise.resolve(identifiers.map((each) => ({ request: 0, ...each })));
    }
    const keys: string[] = [];
    const others: Identifier[] = [];
    for await (const rows of locate(client, kyselyOn(client), policy.subject, wanted())) {
      for (const { key, values } of rows) {
        keys.push(key);
        for (const { kind, value } of values) {
          if (kind !== "email" && kind !== "external_id") continue;
          others.push({ kind, value: normaliseFound(kind, value, ctx.config.controller.country) });
        }
      }
    }
    await client.query("rollback");
    return { keys, identifiers: keys.length === 1 ? others : [] };
  });
