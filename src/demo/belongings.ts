import { sql, type RawBuilder } from "kysely";
import type { Context } from "#context.ts";
import { kyselyOver } from "#db/pool.ts";
import { onlyStore, type Sample } from "#demo/company.ts";

export type Row = Readonly<Record<string, unknown>>;
export type Owned = {
  /** Key of the customer. */
  readonly owner: number;
  readonly key: number;
  readonly row: Row;
};

/** What those who wrote had at the company: rows by table, and how many tracked events, which have no key. */
export type Belongings = {
  readonly rows: ReadonlyMap<OwnedTable, readonly Owned[]>;
  readonly events: ReadonlyMap<number, number>;
  /** Events of everybody. */
  readonly allEvents: number;
};

const byCustomer = (table: string): RawBuilder<unknown> =>
  sql`select customer_id as owner, id as key from ${sql.id(table)}`;

const owned = {
  customers: sql`select id as owner, id as key from customers`,
  payment_methods: byCustomer("payment_methods"),
  addresses: sql`select id as owner, default_address_id as key from customers
    union select customer_id, shipping_address_id from orders`,
  subscriptions: byCustomer("subscriptions"),
  benefit_grants: byCustomer("benefit_grants"),
  orders: byCustomer("orders"),
  invoices: byCustomer("invoices"),
  payments: sql`select i.customer_id as owner, p.id as key from payments p join invoices i on i.id = p.invoice_id`,
  credit_notes: byCustomer("credit_notes"),
} as const;

export type OwnedTable = keyof typeof owned;
export const ownedTables = Object.keys(owned) as readonly OwnedTable[];

/** Read from the company's database, without Lethe and without a policy: one statement a table. */
export const readBelongings = async (context: Context, { letters }: Sample): Promise<Belongings> => {
  const db = kyselyOver(onlyStore(context).pool);
  const people = letters.senders.flatMap((person) => person?.id ?? []);
  const rows = new Map<OwnedTable, readonly Owned[]>();
  for (const table of ownedTables) {
    const found = await sql<Owned>`select o.owner, o.key, to_jsonb(t) as row from (${owned[table]}) o
      join ${sql.id(table)} t on t.id = o.key where o.owner = any (${people}::bigint[]) order by o.owner, o.key`.execute(
      db,
    );
    rows.set(table, found.rows);
  }
  return { rows, ...(await readEvents(context, people)) };
};

/** Of which people there are events, and of how many events the company knows. */
export const readEvents = async (
  context: Context,
  people: readonly number[],
): Promise<Pick<Belongings, "events" | "allEvents">> => {
  const db = kyselyOver(onlyStore(context).pool);
  const all = await sql<{ n: number }>`select count(*) as n from analytics_events`.execute(db);
  const each = await sql<{ owner: number; n: number }>`select customer_id as owner, count(*) as n from analytics_events
    where customer_id = any (${people}::bigint[]) group by 1`.execute(db);
  return { allEvents: all.rows[0]?.n ?? 0, events: new Map(each.rows.map(({ owner, n }) => [owner, n])) };
};
