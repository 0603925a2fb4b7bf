import type pg from "pg";

/**
 * What an engineer writes by hand for the same changes: the ids in a temporary table, one statement a table, one
 * transaction. It keeps no record, proves nothing, locks all it touches until the end, and one subject's failure fails all.
 */
const statements = [
  "analyze subject",
  "delete from addresses t using subject s where t.customer_id = s.id",
  "delete from payment_methods t using subject s where t.customer_id = s.id",
  "delete from sessions t using subject s where t.customer_id = s.id",
  `update subscriptions t set started_on = date_trunc('month', started_on)::date,
    ended_on = date_trunc('month', ended_on)::date, note = null from subject s where t.customer_id = s.id`,
  `update invoices t set billing_name = null, billing_street = null, billing_city = null
    from subject s where t.customer_id = s.id`,
  `update analytics_events t set customer_id = null, occurred_at = date_trunc('day', occurred_at, 'Europe/Berlin'), url = null,
    user_agent = null, ip = null, device_id = null from subject s where t.customer_id = s.id`,
  `update customers t set external_id = 'erased-' || replace(gen_random_uuid()::text, '-', ''),
    email = 'erased-' || replace(gen_random_uuid()::text, '-', '') || '@invalid', phone = null, first_name = null,
    last_name = null, birth_date = null, company = null, locale = 'und', created_at = date_trunc('month', created_at, 'Europe/Berlin')
    from subject s where t.id = s.id`,
];

/** Erases the customers with these ids; the caller times it. */
export const eraseByScript = async (client: pg.Client, ids: readonly number[]): Promise<void> => {
  await client.query("begin");
  await client.query("create temporary table subject (id bigint primary key) on commit drop");
  await client.query("insert into subject select unnest($1::bigint[])", [ids]);
  for (const statement of statements) await client.query(statement);
  await client.query("commit");
};
