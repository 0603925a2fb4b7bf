import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test("a key to a partition that came after the approval stops the night before the database takes kept rows along", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text unique);
      insert into customers values (1, 'p1@shop.example');
      create table visits (id int not null, customer_id int references customers, at date not null, primary key (id, at)) partition by range (at);
      create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
      create table notes (id int primary key, visit_id int, visit_at date);
      insert into visits values (1, 1, '2025-05-05');
      insert into notes values (1, 1, '2025-05-05')`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: erase }
notes: { treatment: keep, reason: notes }`,
  });
  await night.ask({ email: "p1@shop.example" });
  await night.store.query(
    "alter table notes add foreign key (visit_id, visit_at) references visits_2025 on delete cascade",
  );
  await expect(night.nightly()).rejects.toMatchObject({ code: "POLICY_CASCADE" });
  expect(await night.store.query("select id from notes")).toEqual([{ id: 1 }]);
});
