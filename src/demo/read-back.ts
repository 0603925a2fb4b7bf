import { readdir } from "node:fs/promises";
import { sql } from "kysely";
import type { Context } from "#context.ts";
import { kyselyOver } from "#db/pool.ts";
import { backupName } from "#demo/backups.ts";
import { ownedTables, readEvents, type Belongings, type Owned, type OwnedTable, type Row } from "#demo/belongings.ts";
import { onlyStore, type Sample } from "#demo/company.ts";
import type { Person } from "#demo/people.ts";

/** What the database says of rows that belonged to people whose request was carried out. */
export type Fate = {
  readonly rows: number;
  readonly gone: number;
  /** Still there, and not as they were. */
  readonly changed: number;
  /** Columns in which one of these differs. */
  readonly columns: readonly string[];
  /** Of the changed: cancelled or revoked with the deletion. */
  readonly ended: number;
  /** Still there, with the owner's name, e-mail address, telephone number or external id in them. */
  readonly named: number;
};

export type Fates = {
  readonly tables: Readonly<Record<OwnedTable | "analytics_events", Fate>>;
  /** Files in the directory of the backups; how many days ago the youngest of the purged was taken, null when all are there. */
  readonly backups: { readonly purged: number; readonly kept: number; readonly youngest: number | null };
};

type Written = { readonly directory: string; readonly written: number };

/** Looks at every row again that those had whose request was carried out, in the company's own database and directory. */
export const readBack = async (
  context: Context,
  sample: Sample,
  belongings: Belongings,
  backups: Written,
): Promise<Fates> => {
  const people = await carriedOut(context, sample);
  const fates: [OwnedTable, Fate][] = [];
  for (const table of ownedTables) {
    const had = (belongings.rows.get(table) ?? []).filter(({ owner }) => people.has(owner));
    fates.push([table, fateOf(had, await readAgain(context, table, had), people)]);
  }
  const events = await fateOfEvents(context, belongings, [...people.keys()]);
  return {
    tables: { ...(Object.fromEntries(fates) as Record<OwnedTable, Fate>), analytics_events: events },
    backups: await leftOf(backups, sample),
  };
};

/** Whose request Lethe says was carried out: by the records of the letters, since it has forgotten who they were. */
const carriedOut = async ({ state }: Context, { letters }: Sample): Promise<ReadonlyMap<number, Person>> => {
  const rows = await sql<{ row: number }>`select distinct i.row_number as row from lethe.import_row i
    join lethe.outcome o on o.request_id = i.request_id`.execute(state.db);
  const people = rows.rows.flatMap(({ row }) => letters.senders[row - 1] ?? []);
  return new Map(people.map((person) => [person.id, person]));
};

const readAgain = async (
  context: Context,
  table: OwnedTable,
  had: readonly Owned[],
): Promise<ReadonlyMap<number, Row>> => {
  const found = await sql<Pick<Owned, "key" | "row">>`select t.id as key, to_jsonb(t) as row from ${sql.id(table)} t
    where t.id = any (${had.map(({ key }) => key)}::bigint[])`.execute(kyselyOver(onlyStore(context).pool));
  return new Map(found.rows.map(({ key, row }) => [key, row]));
};

const fateOf = (had: readonly Owned[], now: ReadonlyMap<number, Row>, people: ReadonlyMap<number, Person>): Fate => {
  const left = had.flatMap(({ owner, key, row: was }) => {
    const is = now.get(key);
    return is === undefined ? [] : [{ owner, was, is, columns: differing(was, is) }];
  });
  const changed = left.filter(({ columns }) => columns.length > 0);
  return {
    rows: had.length,
    gone: had.length - left.length,
    changed: changed.length,
    columns: [...new Set(changed.flatMap(({ columns }) => columns))].toSorted(),
    ended: changed.filter(({ was, is }) => hasEnded(was, is)).length,
    named: left.filter(({ owner, is }) => names(is, people.get(owner))).length,
  };
};

const differing = (was: Row, is: Row): readonly string[] =>
  Object.keys(was).filter((column) => JSON.stringify(was[column]) !== JSON.stringify(is[column]));

const hasEnded = (was: Row, is: Row): boolean =>
  (is["status"] === "cancelled" && was["status"] !== "cancelled") ||
  (was["revoked_at"] === null && is["revoked_at"] !== null);

const names = (row: Row, person: Person | undefined): boolean => {
  if (person === undefined) return false;
  const text = JSON.stringify(row).toLowerCase();
  const { email, phone, externalId, first, last } = person;
  return [email, phone, externalId, `${first.written} ${last.written}`].some(
    (name) => name !== null && text.includes(name.toLowerCase()),
  );
};

/** Events have no key: one that is still there names nobody, or is still the person's. */
const fateOfEvents = async (context: Context, before: Belongings, people: readonly number[]): Promise<Fate> => {
  const now = await readEvents(context, people);
  const rows = people.reduce((sum, id) => sum + (before.events.get(id) ?? 0), 0);
  const linked = [...now.events.values()].reduce((sum, n) => sum + n, 0);
  const gone = before.allEvents - now.allEvents;
  const changed = rows - gone - linked;
  return { rows, gone, changed, columns: changed > 0 ? ["customer_id"] : [], ended: 0, named: linked };
};

/** The nights that were written are those of the last `written` days. */
const leftOf = async ({ directory, written }: Written, { days }: Sample): Promise<Fates["backups"]> => {
  const files = new Set(await readdir(directory));
  const ages = Array.from({ length: written }, (_, index) => index + 1);
  const purged = ages.filter((ago) => !files.has(backupName(days.day(ago))));
  return { purged: purged.length, kept: written - purged.length, youngest: purged[0] ?? null };
};
