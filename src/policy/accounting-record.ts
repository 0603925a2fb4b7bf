import { wordsOf } from "#lib/words.ts";

/** What every country's accounting law counts among the vouchers: what was invoiced, paid, credited and booked. */
const accounting =
  /(^|_)(invoice|payment|credit_?note|debit_?note|refund|receipt|payout|ledger|voucher|settlement|journal_entr(y|ie))s?(_|$)/;
const other =
  /(^|_)((payment|invoice)_?(method|source|instrument|token|card|address|template|reminder)|read_receipt)(e?s)?(_|$)/;

/** Whether a table holds accounting records, judged by its name, with or without schema. */
export const isAccountingRecord = (table: string): boolean => {
  const name = wordsOf(table.slice(table.lastIndexOf(".") + 1)).join("_");
  return accounting.test(name) && !other.test(name);
};
