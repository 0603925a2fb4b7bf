import { withClient, type Pool } from "#db/pool.ts";

/** Figures of the company as the database gives them, to compare before and after. Amounts are decimal text. */
export type Peek = {
  readonly customers: number;
  readonly shells: number;
  readonly invoices: number;
  readonly invoiced: string;
  readonly payments: number;
  readonly paid: string;
  readonly events: number;
  readonly revenue: string;
  readonly linked_events: number;
  readonly addresses: number;
  readonly payment_methods: number;
};

const query = `select
  (select count(*) from customers) as customers,
  (select count(*) from customers where status = 'erased') as shells,
  (select count(*) from invoices) as invoices, (select sum(total)::text from invoices) as invoiced,
  (select count(*) from payments) as payments,
  (select sum(amount)::text from payments where status = 'succeeded') as paid,
  (select count(*) from analytics_events) as events, (select sum(amount)::text from analytics_events) as revenue,
  (select count(*) from analytics_events where customer_id is not null) as linked_events,
  (select count(*) from addresses) as addresses, (select count(*) from payment_methods) as payment_methods`;

export const peek = (pool: Pool): Promise<Peek> =>
  withClient(pool, async (client) => {
    const { rows } = await client.query<Peek>(query);
    const [figures] = rows;
    if (figures === undefined) throw new TypeError("a query without FROM gives one row");
    return figures;
  });
