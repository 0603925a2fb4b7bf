import { Temporal } from "temporal-polyfill";
import { afterEach, expect, test } from "vitest";
import { holdRows } from "#holds/rows.ts";
import { beginning, nextNight } from "#rehearsal/next-night.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const first = Temporal.PlainDate.from("2026-11-02");

test("in the nights that are passed over nothing happens, and in each of the others something does", async () => {
  night = await openNight({
    now: "2026-11-02T01:00:00Z",
    schema: `create table customers (id int primary key, email text);
      insert into customers values (1, 'p1@shop.example');
      create table sessions (id int primary key, started_at timestamptz not null);
      -- Ten days old on the fourth, late in the evening by UTC; on the ninth; and on the fourteenth, when a hold has been over for a day.
      insert into sessions values (1, '2026-10-24 23:30Z'), (2, '2026-10-29 12:00Z'), (3, '2026-10-20 12:00Z');`,
    sections: "deletion: { mode: scheduled, grace: P9D }",
    tables: `customers: { treatment: erase }
sessions: { treatment: keep, reason: technical, expires: { after: P10D, clock: started_at, why: "Art. 5(1)(e) GDPR" } }`,
  });
  await holdRows(
    night.context,
    { by: "dpo", matter: "M-1", reason: "claim", until: "2026-11-13" },
    { store: "shop", table: "sessions", clock: undefined, from: undefined, to: "2026-10-20" },
  );
  await night.ask({ email: "p1@shop.example" });
  const after = async (day: Temporal.PlainDate): Promise<string> => {
    // The first begins late: how long each takes is not to decide on which side of the ninth day it is.
    const plainTime = day.equals(first) ? "02:32" : beginning;
    const at = day.toZonedDateTime({ timeZone: "Europe/Berlin", plainTime }).toInstant();
    await night.nightly(night.at(at.toString()));
    const rows = await night.store.query(
      "select (select count(*) from customers) c, array(select id from sessions order by id) s",
    );
    const requests = (await night.requests()).map(({ state }) => state);
    const holds = await night.state.query("select count(*) from lethe.hold where released_at is null");
    return JSON.stringify([rows, requests, holds]);
  };

  const happened: string[] = [];
  const foreseen: string[] = [];
  let before = await after(first);
  let next = await nextNight(night.context, first);
  for (let day = first.add({ days: 1 }); day.toString() < "2026-11-20"; day = day.add({ days: 1 })) {
    const now = await after(day);
    if (now !== before) happened.push(day.toString());
    before = now;
    if (next === null || !day.equals(next)) continue;
    foreseen.push(day.toString());
    next = await nextNight(night.context, day);
  }
  // Nine days after the first night is a moment after the night of the eleventh has begun.
  expect(happened).toEqual(["2026-11-05", "2026-11-09", "2026-11-12", "2026-11-14"]);
  expect(foreseen).toEqual(happened);
});
