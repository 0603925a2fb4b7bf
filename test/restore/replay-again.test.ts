import { afterEach, expect, test } from "vitest";
import { planForApproval } from "#forecast.ts";
import { approveRequests } from "#intake/approve.ts";
import { refuseRequest } from "#intake/decide.ts";
import { uncertainIn } from "#restore/uncertain.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";
import { dropCopy, restoreCopy, takeCopy } from "#test/restore/copies.ts";
import { emailsIn, replay, restoredNight, shop, standingIn } from "#test/restore/restored.ts";

let night: Night;
afterEach(async () => {
  await dropCopy(night.store);
  await night.dispose();
});

const standing = () => standingIn(night);
const emails = () => emailsIn(night);
const restored = async (options?: Partial<NightOptions>): Promise<void> => {
  night = await restoredNight(options);
};

const soft = {
  sections: `deletion:
  mode: soft-then-hard
  grace: P10D
  set: { status: deleted }`,
} as const;

test("who waited with a mark is marked again, waits no longer than before, and is not taken for active again", async () => {
  night = await openNight({ ...shop, ...soft });
  await takeCopy(night.store);
  const [ref = ""] = await night.ask({ email: "ada@example.org" });
  await night.nightly();
  const [waits] = await night.state.query("select scheduled_for from lethe.request");
  await restoreCopy(night.store);
  await replay(night.at("2026-11-05T02:00:00Z"));
  expect(await standing()).toBe("current");
  await night.nightly(night.at("2026-11-05T02:10:00Z"));
  expect(await night.store.query("select status from customers where id = 1")).toEqual([{ status: "deleted" }]);
  expect(await night.requests(ref)).toMatchObject([{ state: "scheduled", code: null }]);
  expect(await night.state.query("select scheduled_for from lethe.request")).toEqual([waits]);
  await night.nightly(night.at("2026-11-12T02:30:00Z"));
  expect(await night.store.query("select id from customers order by id")).toEqual([{ id: 2 }, { id: 3 }]);
});

test("who was erased after a time of grace is erased again at once", async () => {
  night = await openNight({ ...shop, ...soft });
  await takeCopy(night.store);
  await night.ask({ email: "ada@example.org" });
  await night.nightly();
  await night.nightly(night.at("2026-11-13T02:00:00Z"));
  expect(await emails()).toEqual(["ben@example.org", "cy@example.org"]);
  await restoreCopy(night.store);
  await replay(night.at("2026-11-14T02:00:00Z"));
  expect(await emails()).toEqual(["ben@example.org", "cy@example.org"]);
  expect(await standing()).toBe("current");
});

test("who was archived is marked again; who is active again since is left alone", async () => {
  night = await openNight({
    ...shop,
    sections: "deletion:\n  mode: soft\n  set: { status: deleted }",
    tables:
      "customers: { treatment: keep, personal: [email, phone], reason: archived }\norders: { treatment: keep, personal: [note], reason: archived }",
  });
  await takeCopy(night.store);
  const [ada = "", cy = ""] = await night.ask({ email: "ada@example.org" }, { email: "cy@example.org" });
  await night.nightly();
  await night.store.query("update customers set status = 'active' where id = 3");
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect(await night.requests(cy)).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  await restoreCopy(night.store);
  await replay(night.at("2026-11-04T02:00:00Z"));
  expect(await night.store.query("select id, status from customers order by id")).toEqual([
    { id: 1, status: "deleted" },
    { id: 2, status: "active" },
    { id: 3, status: "gone" },
  ]);
  await night.nightly(night.at("2026-11-05T02:00:00Z"));
  expect(await night.requests(ada, cy)).toMatchObject([{ state: "archived" }, { state: "verified" }]);
  expect(await standing()).toBe("current");
});

test("a second restore that undoes no batch is noticed all the same: the first one left its mark", async () => {
  night = await openNight(shop);
  await takeCopy(night.store);
  await night.store.query("insert into customers (id, email, status) values (4, 'xia@example.org', 'gone')");
  await takeCopy(night.store, "later");
  await night.ask({ email: "xia@example.org" });
  await night.nightly();
  await restoreCopy(night.store);
  await replay(night.context);
  expect([await standing(), await emails()]).toEqual([
    "current",
    ["ada@example.org", "ben@example.org", "cy@example.org"],
  ]);
  await restoreCopy(night.store, "later");
  expect(await standing()).toBe("restored");
  await expect(night.nightly()).rejects.toMatchObject({ code: "STORE_RESTORED" });
  await replay(night.context);
  expect([await standing(), await emails()]).toEqual([
    "current",
    ["ada@example.org", "ben@example.org", "cy@example.org"],
  ]);
  await dropCopy(night.store, "later");
});

test("a second restore while the first is open brings nobody back for good: not whom a person refused, nor who was repeated already", async () => {
  await restored({ blockers: "- { code: ORDERS, when: { table: orders, note: [open] }, then: block }" });
  await night.store.query(
    "update customers set email = 'dora@example.org' where id = 3; update orders set note = 'open' where customer_id = 1",
  );
  await replay(night.context);
  const [uncertain] = await uncertainIn(night.context, "shop");
  await refuseRequest(night.context, uncertain?.request ?? "", { by: "dpo", reason: "not-a-data-subject" });
  await restoreCopy(night.store);
  expect(await standing()).toBe("restored");
  await replay(night.context);
  expect([await standing(), await emails()]).toEqual(["current", ["ben@example.org"]]);
});

test("a replay that is run again does nothing to rows that stay without the person, and an earlier time than the true one neither", async () => {
  await restored({
    tables:
      "customers: { treatment: anonymise, columns: { email: { unique: 'erased-{random}@invalid' }, phone: { set: null }, status: { set: erased }, credit: { set: 0 } } }\norders: { treatment: erase }",
    schema: `${shop.schema}; alter table customers add credit numeric(10,2) not null default 7`,
    blockers: "- { code: ORDERS, when: { table: orders, note: [open] }, then: block }",
  });
  await night.store.query("update orders set note = 'open' where customer_id = 3");
  await replay(night.context);
  const [ada] = await night.store.query("select * from customers where id = 1");
  await replay(night.context, "2026-11-01T00:30:00Z");
  expect(await night.store.query("select * from customers where id = 1")).toEqual([ada]);
  expect(
    await night.state.query(
      "select state, count(*)::int as n from lethe.request where restore_id is not null group by 1 order by 1",
    ),
  ).toEqual([
    { state: "blocked", n: 1 },
    { state: "erased", n: 1 },
  ]);
  await night.store.query("update orders set note = null");
  await night.nightly();
  expect(await standing()).toBe("current");
});

test("a dump without Lethe's journal is released with nobody left who was ever erased, whatever time is given: of whom it was earlier a person judges", async () => {
  await restored();
  expect(await night.store.query("select to_regclass('lethe.journal_batch') as journal")).toEqual([{ journal: null }]);
  await night.store.query("update customers set email = 'dora@example.org', phone = '+493012345678' where id = 3");
  expect(await standing()).toBe("restored");
  await replay(night.at("2026-11-03T02:00:00Z"), "2026-11-03T01:00:00Z");
  expect([await standing(), await emails()]).toEqual([
    "repeating",
    ["ada@example.org", "ben@example.org", "dora@example.org"],
  ]);
  const waiting = await uncertainIn(night.context, "shop");
  const [ada, dora] = ["1", "3"].map((key) => waiting.find((each) => each.key === key));
  await approveRequests(night.at("2026-11-03T02:00:00Z"), [ada?.request ?? ""], {
    by: "dpo",
    planFor: planForApproval,
  });
  await refuseRequest(night.at("2026-11-03T02:00:00Z"), dora?.request ?? "", {
    by: "dpo",
    reason: "not-a-data-subject",
  });
  await night.nightly(night.at("2026-11-03T03:00:00Z"));
  expect([await standing(), await emails()]).toEqual(["current", ["ben@example.org", "dora@example.org"]]);
});

test("a household's telephone makes nobody certain where the journal tells nothing", async () => {
  await restored();
  await night.store.query("update customers set email = 'dora@example.org', phone = '+493012345678' where id = 3");
  await replay(night.context);
  expect(await emails()).toEqual(["ben@example.org", "dora@example.org"]);
  expect((await uncertainIn(night.context, "shop")).map(({ key }) => key)).toEqual(["3"]);
});

test("who was archived again by a replay and is active again after the release waits for an approval like anybody", async () => {
  night = await openNight({
    ...shop,
    sections: "deletion:\n  mode: soft\n  set: { status: deleted }",
    tables:
      "customers: { treatment: keep, personal: [email, phone], reason: archived }\norders: { treatment: keep, personal: [note], reason: archived }",
  });
  await takeCopy(night.store);
  const [ada = ""] = await night.ask({ email: "ada@example.org" });
  await night.nightly();
  await restoreCopy(night.store);
  await replay(night.context);
  await night.store.query("update customers set status = 'active' where id = 1");
  await night.nightly();
  const reopened = await night.requests();
  expect(reopened.map(({ code }) => code)).toEqual(["REACTIVATED", "REACTIVATED"]);
  await night.approve(...reopened.map(({ ref }) => ref));
  await night.nightly();
  expect(await night.store.query("select status from customers where id = 1")).toEqual([{ status: "deleted" }]);
  expect((await night.requests()).map(({ state }) => state)).toEqual(["archived", "archived"]);
  expect(await night.requests(ada)).toHaveLength(1);
});

test("whose rows went because a deadline had come are not brought back as one among many: they go again, though nobody waits", async () => {
  night = await openNight({
    ...shop,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null }, phone: { set: null }, status: keep } }
orders: { treatment: anonymise, quasi: [note], k: 3, late: erase, columns: { customer_id: { set: null }, note: keep } }`,
  });
  await takeCopy(night.store);
  await night.ask({ email: "ada@example.org" });
  await night.nightly(night.at("2026-12-01T02:00:00Z"));
  const orders = () => night.store.query("select customer_id from orders order by id");
  expect(await orders()).toEqual([{ customer_id: 2 }, { customer_id: 3 }]);
  await restoreCopy(night.store);
  expect(await orders()).toHaveLength(3);
  await replay(night.at("2026-12-02T02:00:00Z"), "2026-12-01T01:30:00Z");
  expect(await orders()).toEqual([{ customer_id: 2 }, { customer_id: 3 }]);
  expect(await standingIn(night)).toBe("current");
});
