import type pg from "pg";

export type Subject = { readonly id: number; readonly email: string };

/**
 * `count` customers at random that nobody has erased yet. A new draw for each turn: rows that were just read by the other side would
 * be in the cache.
 */
export const drawSubjects = async (client: pg.Client, count: number, turn: number): Promise<readonly Subject[]> => {
  const { rows } = await client.query<{ id: string; email: string }>(
    "select id, email from customers where email not like 'erased-%' order by hashint8extended(id, $2) limit $1",
    [count, turn],
  );
  if (rows.length < count) throw new Error(`only ${rows.length} of ${count} customers are left`);
  return rows.map(({ id, email }) => ({ id: Number(id), email }));
};

export type Totals = Readonly<Record<string, string>>;

const counted = {
  customers: "select count(*) from customers",
  subscriptions: "select count(*) || ' ' || sum(price) from subscriptions",
  invoices: "select count(*) || ' ' || sum(amount) || ' ' || sum(tax) from invoices",
  analytics: "select count(*) || ' ' || sum(amount) from analytics_events",
  months: `select md5(string_agg(line, ',' order by line)) from (
    select date_trunc('month', occurred_at, 'Europe/Berlin') || ' ' || count(*) || ' ' || sum(amount) as line from analytics_events
    group by date_trunc('month', occurred_at, 'Europe/Berlin')) m`,
} as const;

/** What neither side may change. */
export const totalsOf = async (client: pg.Client): Promise<Totals> => {
  const totals: Record<string, string> = {};
  for (const [name, query] of Object.entries(counted)) {
    const { rows } = await client.query<{ value: string }>(`select (${query})::text as value`);
    totals[name] = rows[0]?.value ?? "";
  }
  return totals;
};

// Each counts rows that should not be; `id` in these customers, `before` rows had no owner before.
const mistakes = {
  "customers that still have a name": `select count(*) from customers where id = any($1) and
    (email not like 'erased-%@invalid' or external_id not like 'erased-%' or first_name is not null or last_name is not null
      or phone is not null or birth_date is not null or company is not null or locale <> 'und'
      or created_at <> date_trunc('month', created_at, 'Europe/Berlin'))`,
  addresses: "select count(*) from addresses where customer_id = any($1)",
  payment_methods: "select count(*) from payment_methods where customer_id = any($1)",
  sessions: "select count(*) from sessions where customer_id = any($1)",
  subscriptions: `select count(*) from subscriptions where customer_id = any($1) and
    (note is not null or extract(day from started_on) <> 1 or extract(day from ended_on) <> 1)`,
  invoices: `select count(*) from invoices where customer_id = any($1) and
    (billing_name is not null or billing_street is not null or billing_city is not null)`,
  "events with an owner": "select count(*) from analytics_events where customer_id = any($1)",
  "events that tell of somebody": `select count(*) from analytics_events where customer_id is null and $1::bigint[] is not null and
    (url is not null or user_agent is not null or ip is not null or device_id is not null
      or occurred_at <> date_trunc('day', occurred_at, 'Europe/Berlin'))`,
} as const;

/** Rows, by place, that an erasure of these customers should have changed and did not; empty when all is well. */
export const mistakesFor = async (
  client: pg.Client,
  subjects: readonly Subject[],
): Promise<Readonly<Record<string, number>>> => {
  const found: Record<string, number> = {};
  for (const [name, query] of Object.entries(mistakes)) {
    const { rows } = await client.query<{ count: string }>(query, [subjects.map(({ id }) => id)]);
    const count = Number(rows[0]?.count);
    if (count > 0) found[name] = count;
  }
  return found;
};
