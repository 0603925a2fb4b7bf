import { afterEach, expect, test } from "vitest";
import { listHolds } from "#holds/list.ts";
import { releaseHolds } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { holdRows } from "#holds/rows.ts";
import { holdSubject } from "#holds/subject.ts";
import { refuseRequest } from "#intake/decide.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text, phone text);
  create table invoices (id int primary key, customer_id int references customers, issued_on date);
  create table sessions (id int primary key, customer_id int references customers, seen_at timestamptz);
  insert into customers values (1, 'ann.canary@shop.example', '+49 30 7000001'), (2, 'bob@shop.example', '+49 30 7000002');
  insert into invoices values (1, 1, '2010-01-01'), (2, 2, '2010-01-01'), (3, 2, null);
  insert into sessions values (1, 1, '2026-01-01T00:00:00Z'), (2, 2, '2026-01-01T00:00:00Z'),
    (3, 2, '2026-03-31T21:59:59Z'), (4, 2, '2026-03-31T22:00:00Z'), (5, 2, '2026-04-02T00:00:00Z')`;
const tables = `customers: { treatment: anonymise, columns: { email: { set: null }, phone: { set: null } } }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep }, expired: erase }
sessions: { treatment: erase, expires: { after: P90D, clock: seen_at, why: Art. 5(1)(e) GDPR } }`;

const open = async (options: Partial<NightOptions> = {}): Promise<void> => {
  const subject = "{ table: customers, key: id, identifiers: { email: email, phone: phone } }";
  night = await openNight({ schema, tables, subject, now: "2026-11-02T02:00:00Z", ...options });
};
const placing = { by: "counsel", matter: "AZ-7", reason: "litigation" } as const;
const ids = async (table: string): Promise<readonly unknown[]> =>
  (await night.store.query<{ id: number }>(`select id from ${table} order by id`)).map(({ id }) => id);
const kinds = async (): Promise<readonly string[]> =>
  (
    await night.state.query<{ kind: string }>(
      "select kind from lethe.ledger_entry where kind like 'hold.%' or kind in ('request.held', 'request.released') order by index",
    )
  ).map(({ kind }) => kind);

test("a person who has asked for nothing is held: nothing of theirs expires, whoever asks for them waits, and the release forgets them", async () => {
  await open();
  const placed = await holdSubject(night.context, placing, { email: "Ann.Canary@shop.example" });
  expect(placed).toMatchObject({ matter: "AZ-7", found: [{ store: "shop", rows: 1 }] });
  const [ann = ""] = await night.ask({ phone: "+49 30 7000001" });
  await night.nightly();
  expect([await ids("invoices"), await ids("sessions")]).toEqual([[1, 3], [1]]);
  expect(await night.requests(ann)).toMatchObject([
    { state: "blocked", code: "SUBJECT_HELD", detail: { matter: "AZ-7" } },
  ]);
  expect(await listHolds(night.context, { all: false })).toMatchObject([
    { ref: placed.ref, kind: "subject", reason: "litigation", by: "counsel", until: null, waiting: 1 },
  ]);
  const written = JSON.stringify(await night.state.query("select body from lethe.ledger_entry"));
  expect(written).not.toMatch(/canary|7000001/i);

  expect(await releaseHolds(night.context, { hold: placed.ref }, { by: "counsel" })).toEqual({
    holds: [placed.ref],
    requests: [],
  });
  expect(await night.state.query("select from lethe.hold_identifier union all select from lethe.hold_subject")).toEqual(
    [],
  );
  await night.nightly();
  expect([await ids("invoices"), await ids("sessions")]).toEqual([[3], []]);
  expect(await night.requests(ann)).toMatchObject([{ state: "completed" }]);
});

test("a hold on nobody is refused: it would protect nothing", async () => {
  await open();
  await expect(holdSubject(night.context, placing, { email: "nobody@shop.example" })).rejects.toMatchObject({
    code: "HOLD_SUBJECT_UNKNOWN",
  });
  await expect(holdSubject(night.context, placing, { email: "no address" })).rejects.toMatchObject({
    code: "REQUEST_INVALID",
  });
  expect(await night.state.query("select from lethe.hold")).toEqual([]);
});

test("rows of a time stay when they are due, by the clocks of UTC and of the controller, and no others", async () => {
  await open();
  // April begins in Berlin at 22:00 of 31 March by UTC, and by UTC two hours later: the day is covered by either.
  await holdRows(night.context, placing, {
    store: "shop",
    table: "sessions",
    clock: undefined,
    from: "2026-04-01",
    to: "2026-04-01",
  });
  await night.nightly();
  expect(await ids("sessions")).toEqual([4]);
  expect(await ids("invoices")).toEqual([3]);
});

test("a hold ends by itself after its last day, with the request that it is on, and says so", async () => {
  await open();
  const [ann = "", bob = ""] = await night.ask({ email: "ann.canary@shop.example" }, { email: "bob@shop.example" });
  await holdRequest(night.context, ann, { ...placing, until: "2026-11-02" });
  await holdRequest(night.context, bob, { by: "counsel", matter: "AZ-8", until: "2026-11-03" });
  await night.nightly();
  expect(await night.requests(ann, bob)).toMatchObject([{ state: "held" }, { state: "held" }]);
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect(await night.requests(ann, bob)).toMatchObject([{ state: "completed" }, { state: "held" }]);
  expect(await kinds()).toEqual([
    "hold.placed",
    "request.held",
    "hold.placed",
    "request.held",
    "hold.released",
    "request.released",
  ]);
  expect(
    await night.state.query("select released_by, released_at is not null as released from lethe.hold order by id"),
  ).toEqual([
    { released_by: null, released: true },
    { released_by: null, released: false },
  ]);
});

test("a matter is released as a whole, and a request that is refused is held no more", async () => {
  await open();
  const [ann = "", bob = ""] = await night.ask({ email: "ann.canary@shop.example" }, { email: "bob@shop.example" });
  await holdRequest(night.context, ann, placing);
  await holdRequest(night.context, bob, { ...placing, matter: "AZ-8" });
  await holdRows(night.context, placing, {
    store: "shop",
    table: "invoices",
    clock: undefined,
    from: undefined,
    to: undefined,
  });
  const released = await releaseHolds(night.context, { matter: "AZ-7" }, { by: "counsel" });
  expect(released).toMatchObject({
    holds: [expect.any(String), expect.any(String)],
    requests: [{ ref: ann, state: "approved" }],
  });
  await refuseRequest(night.context, bob, { by: "dpo", reason: "excessive" });
  expect(await listHolds(night.context, { all: false })).toEqual([]);
  expect(await listHolds(night.context, { all: true })).toHaveLength(3);
  await expect(releaseHolds(night.context, { matter: "AZ-7" }, { by: "counsel" })).rejects.toMatchObject({
    code: "HOLD_UNKNOWN",
  });
});
