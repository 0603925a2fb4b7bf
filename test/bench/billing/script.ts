import type pg from "pg";
import type { Outcome, Variant } from "#test/bench/billing/same.ts";

const figures = `insert into figure select $1, f.* from (values
    ('Payments', (select sum(amount) from payments where status = 'succeeded')),
    ('New Revenue', (select sum(total) from invoices)),
    ('Signups', (select count(*) from customers)),
    ('Activations', (select count(*) from subscriptions where status is distinct from 'draft')),
    ('Cancellations', (select count(*) from subscriptions where status = 'cancelled')),
    ('Refunds', (select sum(amount) from payments where status = 'refunded'))) f`;

const own = (table: string): string => `t using subject s where t.customer_id = s.id -- ${table}`;

/** What stands in the way, and who is concerned: kept, as one would keep it for the file. */
const checks = [
  "create temporary table found on commit drop as select 'CUSTOMER_IS_CHILD' as code, c.id as subject, c.id as row from customers c join subject s using (id) where c.parent_id is not null",
  "insert into found select 'CUSTOMER_IS_PARENT', s.id, c.id from customers c join subject s on c.parent_id = s.id",
  "insert into found select 'CUSTOMER_GAVE_GIFT', s.id, g.id from gifts g join subject s on g.gifter_id = s.id",
  "insert into found select 'CUSTOMER_RECEIVED_GIFT', s.id, g.id from gifts g join subject s on g.recipient_id = s.id",
  `insert into found select 'INVOICE_PAID_BY_ANOTHER', s.id, p.id from invoices i join subject s on i.customer_id = s.id
    join payments p on p.invoice_id = i.id where p.payer_id <> s.id`,
  `create temporary table allocated on commit drop as select a.credit_note_id, a.invoice_id, n.customer_id as owner, i.customer_id as debtor
    from credit_note_allocations a join credit_notes n on n.id = a.credit_note_id join invoices i on i.id = a.invoice_id
    where n.customer_id <> i.customer_id and (exists (select from subject s where s.id = n.customer_id) or exists (select from subject s where s.id = i.customer_id))`,
];

/** Nobody who has such rows is deleted: the first of the policy's codes that applies is the answer. */
const blocking = [
  "insert into found select 'CREDIT_NOTE_ALLOCATED_TO_ANOTHER', owner, credit_note_id from allocated join subject s on s.id = owner",
  "insert into found select 'CREDIT_NOTE_OF_ANOTHER', debtor, invoice_id from allocated join subject s on s.id = debtor",
  `create temporary table blocked on commit drop as select distinct on (subject) subject, code from found order by subject,
    array_position(array['CUSTOMER_IS_CHILD', 'CUSTOMER_IS_PARENT', 'CUSTOMER_GAVE_GIFT', 'CUSTOMER_RECEIVED_GIFT',
      'INVOICE_PAID_BY_ANOTHER', 'CREDIT_NOTE_ALLOCATED_TO_ANOTHER'], code) nulls last`,
  "delete from subject s using blocked b where b.subject = s.id",
  "truncate found, allocated",
];

const remedies = [
  "update customers c set parent_id = null from found f where f.code = 'CUSTOMER_IS_CHILD' and c.id = f.row",
  "update customers c set parent_id = null from found f where f.code = 'CUSTOMER_IS_PARENT' and c.id = f.row",
  "update gifts g set gifter_id = null, message = null from found f where f.code = 'CUSTOMER_GAVE_GIFT' and g.id = f.row",
  "update gifts g set recipient_id = null, message = null from found f where f.code = 'CUSTOMER_RECEIVED_GIFT' and g.id = f.row",
  "delete from payments p using found f where f.code = 'INVOICE_PAID_BY_ANOTHER' and p.id = f.row",
  "delete from credit_note_allocations t using allocated a where t.credit_note_id = a.credit_note_id and t.invoice_id = a.invoice_id",
];

/** An address of theirs goes unless somebody else lives there or has had something sent there. */
const addresses = [
  `create temporary table home on commit drop as
    select a.id, exists (select from customers c where c.default_address_id = a.id and not exists (select from subject s where s.id = c.id))
      or exists (select from orders o where o.shipping_address_id = a.id and not exists (select from subject s where s.id = o.customer_id)) as shared
    from (select default_address_id as id from customers c join subject s using (id) union
      select shipping_address_id from orders o join subject s on s.id = o.customer_id) a where a.id is not null`,
];

const deletions = [
  "delete from gifts g using found f where f.code = 'CUSTOMER_RECEIVED_GIFT' and g.id = f.row",
  `delete from benefit_grants ${own("grants")}`,
  "update devices t set customer_id = null, subscription_id = null, label = null from subject s where t.customer_id = s.id",
  "delete from credit_note_allocations t using credit_notes n, subject s where t.credit_note_id = n.id and n.customer_id = s.id",
  "delete from credit_note_allocations t using invoices i, subject s where t.invoice_id = i.id and i.customer_id = s.id",
  `delete from credit_notes ${own("notes")}`,
  "delete from payments t using invoices i, subject s where t.invoice_id = i.id and i.customer_id = s.id",
  "delete from invoice_lines t using invoices i, subject s where t.invoice_id = i.id and i.customer_id = s.id",
  `delete from invoices ${own("invoices")}`,
  "delete from order_lines t using orders o, subject s where t.order_id = o.id and o.customer_id = s.id",
  `delete from orders ${own("orders")}`,
  "delete from wallet_transactions t using wallets w, subject s where t.wallet_id = w.id and w.customer_id = s.id",
  `delete from wallets ${own("wallets")}`,
  "delete from ticket_messages t using support_tickets k, subject s where t.ticket_id = k.id and k.customer_id = s.id",
  `delete from support_tickets ${own("tickets")}`,
  `delete from consents ${own("consents")}`,
  `delete from workflows ${own("workflows")}`,
  "delete from sessions t using customers c, subject s where t.user_ref = c.external_id and c.id = s.id",
  `delete from subscriptions ${own("subscriptions")}`,
  `delete from payment_methods ${own("methods")}`,
  "update payments t set payer_id = null from subject s where t.payer_id = s.id",
  `update analytics_events t set customer_id = null, occurred_at = date_trunc('day', occurred_at, 'Europe/Berlin'), session_ref = null, city = null,
    device_id = null, url = null, properties = null from subject s where t.customer_id = s.id`,
  "delete from customers t using subject s where t.id = s.id",
  "update audit_log t set old_row = null, new_row = null from subject s where t.table_name = 'customers' and t.row_id = s.id::text",
  "delete from addresses t using home h where t.id = h.id and not h.shared",
  "delete from address_history t using home h where t.address_id = h.id and not h.shared",
];

const outcome = `select 'figure ' || name as what, trim_scale(sum(value) filter (where moment = 'after') - sum(value) filter (where moment = 'before'))::text as value
    from figure group by name
  union all select 'tasks', count(*) || ' ' || coalesce(sum(hashtextextended(token, 0)::numeric), 0) from gateway_task`;

/**
 * What an engineer writes by hand: the same checks, remedies or refusals, figures, tasks and deletions, one statement each, in one
 * transaction. It keeps no record beyond them, proves nothing, and one customer's failure fails all. Answers what `outcomeOf` does.
 */
export const deleteByScript = async (client: pg.Client, ids: readonly number[], variant: Variant): Promise<Outcome> => {
  await client.query("begin");
  await client.query("create temporary table subject (id bigint primary key) on commit drop");
  await client.query("create temporary table figure (moment text, name text, value numeric) on commit drop");
  await client.query("insert into subject select unnest($1::bigint[])", [ids]);
  await client.query("analyze subject");
  for (const statement of [...checks, ...(variant === "block" ? blocking : [])]) await client.query(statement);
  await client.query(figures, ["before"]);
  await client.query(
    "insert into gateway_task select m.gateway_token, 'delete_payment_method' from payment_methods m join subject s on s.id = m.customer_id",
  );
  for (const statement of [...addresses, ...remedies, ...deletions]) await client.query(statement);
  await client.query(figures, ["after"]);
  const blocked = "union all select 'blocked ' || code, count(*)::text from blocked group by code";
  const { rows } = await client.query<{ what: string; value: string }>(
    `${outcome} ${variant === "block" ? blocked : ""}`,
  );
  await client.query("commit");
  // It holds e-mail addresses too.
  await client.query("refresh materialized view customer_lifetime_value");
  return Object.fromEntries(rows.map(({ what, value }) => [what, value]));
};
