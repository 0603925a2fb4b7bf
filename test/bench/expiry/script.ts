import type pg from "pg";

/**
 * What an engineer writes by hand once a year: parts before wholes, one statement a table that finds its rows by the clock's index, and
 * fresh statistics. It keeps no record, reads nothing back, and locks what it touches until the end of each statement.
 */
const statements = [
  `delete from invoice_lines l using invoices i
    where i.id = l.invoice_id and l.billed_on <= date '2017-12-31' and i.issued_on <= date '2017-12-31'`,
  `delete from invoices i where i.issued_on <= date '2017-12-31'
    and not exists (select from invoice_lines l where l.invoice_id = i.id)`,
  `update payments set payer_name = null, iban = null where paid_at < timestamptz '2018-04-01 00:00 Europe/Berlin'
    and (payer_name is not null or iban is not null)`,
  "analyze invoice_lines",
  "analyze invoices",
  "analyze payments",
];

/** Lets go what is due on the bench's day; answers how many rows each table lost or had changed. The caller times it. */
export const expireByScript = async (client: pg.Client): Promise<Readonly<Record<string, number>>> => {
  const rows: Record<string, number> = {};
  for (const statement of statements) {
    const { rowCount } = await client.query(statement);
    const [, table = ""] = /^(?:delete from|update) (\w+)/.exec(statement) ?? [];
    if (table !== "") rows[table] = rowCount ?? 0;
  }
  return rows;
};
