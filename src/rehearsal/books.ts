import { withClient, type Pool } from "#db/pool.ts";

/** Totals of the books, by what they are of: how many records and which amount, as decimal text. */
export type Books = readonly { readonly of: string; readonly records: number; readonly amount: string }[];

const query = `
  select 'invoices' as of, count(*) as records, coalesce(sum(total), 0)::text as amount from invoices
  union all select 'invoice lines', count(*), coalesce(sum(amount), 0)::text from invoice_lines
  union all select 'payments', count(*), coalesce(sum(amount), 0)::text from payments
  union all select 'credit notes', count(*), coalesce(sum(amount), 0)::text from credit_notes
  union all select 'orders', count(*), coalesce(sum(total), 0)::text from orders
  union all select 'wallet entries', count(*), coalesce(sum(amount), 0)::text from wallet_transactions
  union all select 'tracked events', count(*), coalesce(sum(amount), 0)::text from analytics_events`;

export const readBooks = (pool: Pool): Promise<Books> =>
  withClient(pool, async (client) => (await client.query<Books[number]>(query)).rows);
