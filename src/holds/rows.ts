import { sql } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import { readCatalog } from "#catalog/read.ts";
import type { Context, Store } from "#context.ts";
import { lockHolds } from "#db/hold-lock.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { checkPlacing, daysOf, insertHold, placedAs, type Placing } from "#holds/placing.ts";
import { holdProblem } from "#holds/readable.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { isLetheError, LetheError } from "#lib/errors.ts";
import { nearest } from "#lib/nearest.ts";
import { holdReference } from "#lib/random.ts";
import type { ReadableHold, RowHold } from "#records/hold.ts";
import { isCovered } from "#scope/held-rows.ts";
import { tableName } from "#scope/sql.ts";

export type RowRange = {
  readonly store: string;
  readonly table: string;
  /** The policy's clock of the table unless given. */
  readonly clock: string | undefined;
  /** ISO dates, both included. */
  readonly from: string | undefined;
  readonly to: string | undefined;
};

export type Placed = {
  readonly ref: string;
  readonly matter: string;
  /** How many rows it covers now; null where the store could not be asked. */
  readonly rows: number | null;
};

/**
 * Puts rows of a store under a legal hold, by table and time: from the next commit on, no night erases, anonymises or lets expire any of them. A
 * store that cannot be reached is no reason to wait: the hold is placed, and the night reads it against the live schema.
 *
 * Throws `HOLD_INVALID` for what makes no sense, and for a table or column that the store has not.
 */
export const holdRows = async (ctx: Context, placing: Placing, range: RowRange): Promise<Placed> => {
  checkPlacing(ctx, placing);
  const store = storeOf(ctx, range.store);
  const catalog = await catalogOf(store);
  const whole = {
    ref: holdReference(ctx.random),
    matter: placing.matter,
    table: range.table,
    clock: null,
    from: null,
    to: null,
  };
  if (catalog !== undefined) readable(catalog, whole);
  const hold: RowHold = { ...whole, ...timeOf(store, range) };
  const rows = catalog === undefined ? null : await rowsCovered(ctx, store, readable(catalog, hold));
  await inTransaction(ctx, async (db) => {
    await lockHolds(db, "hold");
    const { table, clock, from, to } = hold;
    await insertHold(ctx, db, placing, { ref: hold.ref, kind: "rows", store: store.name, table, clock, from, to });
    await appendEntries(
      db,
      [
        {
          kind: "hold.placed",
          ...placedAs(ctx, hold.ref, placing),
          of: "rows",
          store: store.name,
          table,
          clock,
          from,
          to,
        },
      ],
      { at: ctx.clock.now(), run: null },
    );
  });
  return { ref: hold.ref, matter: placing.matter, rows };
};

const storeOf = ({ stores }: Context, name: string): Store => {
  const store = stores.find((each) => each.name === name);
  if (store !== undefined) return store;
  const names = stores.map((each) => each.name);
  const near = nearest(name, names);
  throw new LetheError("HOLD_INVALID", "there is no such store", {
    hint: near === undefined ? `stores: ${names.join(", ")}` : `did you mean ${near}?`,
  });
};

const timeOf = (store: Store, { table, clock, from, to }: RowRange): Pick<RowHold, "clock" | "from" | "to"> => {
  const days = daysOf({ from, to });
  if (days.from === null && days.to === null) return { clock: null, ...days };
  const named = clock ?? clockOf(store, table);
  if (named !== undefined) return { clock: named, ...days };
  throw new LetheError("HOLD_INVALID", `the policy names no clock of ${table}`, {
    hint: "name the date or time column with --clock, or leave --from and --to out to hold the whole table",
  });
};

/** By what the policy tells how old a row is. */
const clockOf = ({ policy }: Store, table: string): string | undefined => {
  const rule = policy.tables[table];
  if (rule?.treatment === "retain") return rule.clock;
  return rule?.expiry?.clock ?? (rule?.treatment === "anonymise" ? rule.analytics?.clock : undefined);
};

/** Undefined where the store cannot be reached. */
const catalogOf = (store: Store): Promise<Catalog | undefined> =>
  withClient(store.pool, (client) => readCatalog(client, { store: store.name, schemas: store.config.schemas })).catch(
    (error: unknown) => {
      if (isLetheError(error, "DATABASE_LOST") || isLetheError(error, "DATABASE_REFUSED")) return undefined;
      throw error;
    },
  );

const readable = (catalog: Catalog, hold: RowHold): ReadableHold => {
  const found = holdProblem(catalog, hold);
  if (typeof found !== "string") return found;
  throw new LetheError("HOLD_INVALID", found, { hint: "name a table of the store, and a date or time column of it" });
};

const rowsCovered = (ctx: Context, { pool }: Store, hold: ReadableHold): Promise<number> =>
  withClient(pool, async (client) => {
    await client.query("set row_security = off");
    const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${tableName(hold.table)} t
      where ${isCovered(hold, "t", ctx.config.controller.timeZone)}`.execute(kyselyOn(client));
    return rows[0]?.rows ?? 0;
  });
