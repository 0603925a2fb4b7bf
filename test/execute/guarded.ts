import pg from "pg";
import { expect } from "vitest";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

/** A shop in which a marked customer takes no new order: soft-then-hard, and Ann is the first to ask. */
export const people = `create table customers (id int primary key, email text, ext text, status text not null default 'active');
    insert into customers values (1, 'ann@shop.example', 'X-1'), (2, 'bob@shop.example', 'X-2')`;
export const softThenHard = {
  schema: `${people};
    create table orders (id int primary key, customer_id int not null references customers, total int);
    insert into orders values (11, 1, 5), (21, 2, 7)`,
  subject: "{ table: customers, key: id, identifiers: { email: email, external_id: ext } }",
  sections: "deletion: { mode: soft-then-hard, set: { status: inactive }, refuse: [orders], grace: P30D }",
  tables: `customers: { treatment: anonymise, columns: { email: { set: null }, ext: { set: null }, status: keep } }
orders: { treatment: erase }`,
  now: "2026-11-02T02:00:00Z",
} as const;
export const ann = { email: "ann@shop.example" };
export const refused = { code: "23000", constraint: "lethe_refuse" };

export const insert = (id: number, customer = 1, total = 1) =>
  `insert into orders values (${id}, ${customer}, ${total})`;

/** A night in which Ann is marked as deleted. */
export const openMarked = async (options: Partial<NightOptions> = {}): Promise<Night> => {
  const night = await openNight({ ...softThenHard, ...options });
  const refs = await night.ask(ann);
  await night.nightly();
  // A guard that refuses because the night failed half way would prove nothing.
  expect(await night.requests(...refs)).toMatchObject([{ code: null }]);
  return night;
};

/** The shop's own connections, for transactions that stay open. */
export const connections = () => {
  const clients: pg.Client[] = [];
  return {
    connect: async (night: Night): Promise<pg.Client> => {
      const client = new pg.Client(night.store.url);
      clients.push(client);
      await client.connect();
      return client;
    },
    close: async (): Promise<void> => {
      for (const client of clients.splice(0)) await client.end();
    },
  };
};
