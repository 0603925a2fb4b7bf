import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openNight, type Night } from "#test/execute/night.ts";
import { writeNights } from "#test/backups/repository-files.ts";

/** Three customers, one of them with a credit note that the law keeps, and three nights of backups: something of all that is written to people. */
export const openCreditNotes = async (): Promise<Night> => {
  const night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table credit_notes (id int primary key, customer_id int references customers, issued_on date, note text);
      insert into customers values (1, 'ada.canary@example.org'), (2, 'ben.canary@example.org'), (3, 'cy.canary@example.org');
      insert into credit_notes values (1, 1, '2026-03-15', 'goodwill')`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
credit_notes: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, note: { stays: the books need it } } }`,
    backups: [{ name: "nightly", kind: "directory", store: "shop", path: "backups", keepDays: 30 }],
    now: "2026-11-02T02:00:00Z",
  });
  await mkdir(join(night.directory, "backups"));
  await writeNights(join(night.directory, "backups"), 3, "2026-11-02");
  return night;
};
