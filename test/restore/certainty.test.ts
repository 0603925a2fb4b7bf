import { afterEach, expect, test } from "vitest";
import { planForApproval } from "#forecast.ts";
import { approveRequests } from "#intake/approve.ts";
import { addRequest } from "#intake/requests.ts";
import { uncertainIn } from "#restore/uncertain.ts";
import { openNight, type Night } from "#test/execute/night.ts";
import { dropCopy, restoreCopy, takeCopy } from "#test/restore/copies.ts";
import { emailsIn, replay, restoredNight, shop, standingIn } from "#test/restore/restored.ts";

let night: Night;
afterEach(async () => {
  await dropCopy(night.store);
  await night.dispose();
});

const uncertain = async () => (await uncertainIn(night.context, "shop")).map(({ key }) => key);

test("whose erasure was not at its end is not taken for whoever got their key since", async () => {
  night = await restoredNight({
    tables:
      "customers: { treatment: erase }\norders: { treatment: anonymise, columns: { customer_id: { set: null }, note: keep } }",
  });
  expect((await night.requests()).map(({ code }) => code)).toEqual(["RESIDUAL", "RESIDUAL"]);
  await night.store.query("update customers set email = 'dora@example.org' where id = 3");
  await replay(night.context);
  expect(await emailsIn(night)).toEqual(["ben@example.org", "dora@example.org"]);
  expect([await standingIn(night), await uncertain()]).toEqual(["repeating", ["3"]]);
});

test("a key alone makes nobody certain where the policy names identifiers", async () => {
  night = await restoredNight();
  await night.store.query("update customers set email = null where id = 3");
  await replay(night.context);
  expect([await emailsIn(night), await uncertain()]).toEqual([["ben@example.org", null], ["3"]]);
});

const emails = async () =>
  (await night.store.query<{ email: string | null }>("select email from customers order by 1")).map(
    ({ email }) => email,
  );
const byName = {
  ...shop,
  schema: `create table customers (name text primary key, email text, phone text);
    create table orders (id int generated always as identity primary key, customer text references customers, note text);
    insert into customers values ('ada', 'ada@example.org'), ('ben', 'ben@example.org')`,
  subject: "{ table: customers, key: name, identifiers: { email: email, phone: phone } }",
};

test("who came back after an erasure that a restore did not undo stays, however early a time is given", async () => {
  night = await openNight(byName);
  await night.ask({ email: "ada@example.org" });
  await night.nightly();
  await night.store.query("insert into customers values ('ada', 'ada@example.org')");
  await takeCopy(night.store);
  await night.ask({ email: "ben@example.org" });
  await night.nightly(night.at("2026-11-05T02:00:00Z"));
  await restoreCopy(night.store);
  await replay(night.at("2026-11-05T04:00:00Z"), "2026-11-01T00:00:00Z");
  expect([await standingIn(night), await emails()]).toEqual(["current", ["ada@example.org"]]);
});

test("where some tables only were restored, who came back before is for a person to judge", async () => {
  night = await openNight(byName);
  await night.ask({ email: "ada@example.org" });
  await night.nightly();
  await night.store.query("insert into customers values ('ada', 'ada@example.org')");
  await takeCopy(night.store);
  await replay(night.at("2026-11-05T04:00:00Z"), "2026-11-04T00:00:00Z", true);
  expect([await uncertain(), await emails()]).toEqual([["ada"], ["ada@example.org", "ben@example.org"]]);
});

test("where other tables only were restored than that of the people, whoever was erased since is, and nobody else", async () => {
  night = await openNight({
    ...shop,
    tables: `customers: { treatment: anonymise, columns: { email: { unique: 'erased-{random}@invalid' }, phone: { set: null }, status: keep } }
orders: { treatment: erase }`,
  });
  await night.store.query("update customers set phone = null");
  await night.ask({ email: "cy@example.org" });
  await night.nightly();
  const orders = await night.store.query("select customer_id, note from orders");
  await takeCopy(night.store);
  await night.ask({ email: "ada@example.org" });
  await night.nightly(night.at("2026-11-05T02:00:00Z"));
  await night.store.query("truncate orders");
  for (const order of orders)
    await night.store.query("insert into orders (customer_id, note) values ($1, $2)", Object.values(order));
  const { requests } = await replay(night.at("2026-11-06T02:00:00Z"), "2026-11-04T00:00:00Z", true);
  expect([await standingIn(night), await uncertain()]).toEqual(["current", []]);
  expect(await night.store.query("select note from orders")).toEqual([{ note: "of ben@example.org" }]);
  expect(requests).toMatchObject({ received: 3, done: 3 });
});

/** A night that erases Cy by one rule, another that erases somebody by it, and then a copy from between the two. */
const undone = async (columns: string, whom: string, asked: Readonly<Record<string, string>>): Promise<void> => {
  night = await openNight({
    ...shop,
    tables: `customers: { treatment: anonymise, columns: { ${columns} } }\norders: { treatment: erase }`,
  });
  await night.store.query(whom);
  await night.ask({ email: "cy@example.org" });
  await night.nightly();
  await takeCopy(night.store);
  await night.ask(asked);
  await night.nightly(night.at("2026-11-02T02:20:00Z"));
  await restoreCopy(night.store);
};
const notes = () => night.store.query("select note from orders");

test("whose row looked erased before, and was not, is erased again by what it still says, and nobody else", async () => {
  await undone(
    "email: { redact: identifiers }, phone: { set: null }, status: keep",
    "update customers set phone = null where id = 1",
    { email: "ada@example.org" },
  );
  await replay(night.at("2026-11-03T02:00:00Z"), "2026-11-02T02:10:00Z");
  expect([await standingIn(night), await uncertain()]).toEqual(["current", []]);
  expect(await notes()).toEqual([{ note: "of ben@example.org" }]);
});

test("where it says nothing more a person judges", async () => {
  await undone(
    "email: { set: null }, phone: { set: null }, status: keep",
    "update customers set email = null, phone = null where id = 1",
    { key: "1" },
  );
  await replay(night.at("2026-11-03T02:00:00Z"), "2026-11-02T02:10:00Z");
  expect([await standingIn(night), await uncertain()]).toEqual(["repeating", ["1"]]);
  // Looking again finds nobody twice.
  await replay(night.at("2026-11-03T03:00:00Z"), "2026-11-02T02:05:00Z");
  const [one] = await uncertainIn(night.context, "shop");
  await approveRequests(night.at("2026-11-03T04:00:00Z"), [one?.request ?? ""], {
    by: "dpo",
    planFor: planForApproval,
  });
  await night.nightly(night.at("2026-11-03T05:00:00Z"));
  expect([await standingIn(night), await uncertain()]).toEqual(["current", []]);
  expect(await notes()).toEqual([{ note: "of ben@example.org" }]);
});

test("who was not in the backup that was restored first is erased again when one is restored that holds them", async () => {
  night = await openNight(shop);
  await night.ask({ email: "cy@example.org" });
  await night.nightly();
  await takeCopy(night.store, "early");
  await night.store.query("insert into customers (id, email) values (4, 'pia@example.org')");
  await takeCopy(night.store);
  await night.ask({ email: "pia@example.org" });
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  await restoreCopy(night.store, "early");
  await replay(night.at("2026-11-04T10:00:00Z"), "2026-11-02T12:00:00Z");
  expect([await standingIn(night), await emailsIn(night)]).toEqual(["current", ["ada@example.org", "ben@example.org"]]);
  await restoreCopy(night.store);
  await replay(night.at("2026-11-04T15:00:00Z"), "2026-11-03T01:00:00Z");
  await dropCopy(night.store, "early");
  expect([await standingIn(night), await emailsIn(night)]).toEqual(["current", ["ada@example.org", "ben@example.org"]]);
});

test("who was erased again is left alone by a further restore that does not undo that, however little their row says", async () => {
  await undone("email: { set: null }, phone: { set: null }, status: keep", "update customers set phone = null", {
    email: "ada@example.org",
  });
  await night.store.query("insert into customers (id, email) values (5, 'eve@example.org')");
  await replay(night.at("2026-11-03T02:00:00Z"), "2026-11-02T02:10:00Z");
  expect([await standingIn(night), await uncertain()]).toEqual(["current", []]);
  await takeCopy(night.store);
  const { ref } = await addRequest(night.at("2026-11-04T01:00:00Z"), { email: "eve@example.org" });
  await approveRequests(night.at("2026-11-04T01:00:00Z"), [ref], { by: "dpo", planFor: planForApproval });
  await night.nightly(night.at("2026-11-04T02:00:00Z"));
  await restoreCopy(night.store);
  await replay(night.at("2026-11-04T05:00:00Z"), "2026-11-03T12:00:00Z");
  expect([await standingIn(night), await uncertain()]).toEqual(["current", []]);
  expect(await night.requests()).toHaveLength(5);
});

test("a newcomer with the key that a restore made free is nobody who was erased, however empty their row is", async () => {
  night = await openNight({
    ...shop,
    tables:
      "customers: { treatment: anonymise, columns: { email: { redact: identifiers }, phone: { set: null }, status: keep } }\norders: { treatment: erase }",
  });
  await night.ask({ email: "cy@example.org" });
  await night.nightly();
  await night.store.query("delete from orders where customer_id = 3; delete from customers where id = 3");
  await night.store.query("insert into customers (id, email) values (3, 'yan@example.org')");
  await replay(night.at("2026-11-03T02:00:00Z"), "2026-11-01T02:10:00Z", true);
  expect([await standingIn(night), await uncertain()]).toEqual(["repeating", ["3"]]);
  expect(await emails()).toContain("yan@example.org");
});

test("who waits to be erased is not taken for whoever gets the key that a restore made free", async () => {
  night = await openNight(shop);
  await takeCopy(night.store);
  await night.store.query("insert into customers (id, email) values (4, 'xia@example.org')");
  await night.ask({ email: "ada@example.org" });
  await night.nightly();
  // Approved by day: it is settled whom the request means.
  const [xia = ""] = await night.ask({ email: "xia@example.org" });
  await restoreCopy(night.store);
  await replay(night.context);
  expect(await standingIn(night)).toBe("current");
  // The sequence of the keys was taken back as well.
  await night.store.query("insert into customers (id, email) values (4, 'yan@example.org')");
  await night.nightly();
  expect(await emailsIn(night)).toEqual(["ben@example.org", "cy@example.org", "yan@example.org"]);
  expect(await night.requests(xia)).toMatchObject([{ state: "blocked", code: "SUBJECT_NOT_FOUND" }]);
});

test("nor is whoever waited with a mark", async () => {
  night = await openNight({
    ...shop,
    sections: "deletion:\n  mode: soft-then-hard\n  grace: P10D\n  set: { status: deleted }",
  });
  await takeCopy(night.store);
  await night.store.query("insert into customers (id, email, status) values (4, 'xia@example.org', 'active')");
  const [xia = ""] = await night.ask({ email: "xia@example.org" });
  await night.nightly();
  expect(await night.requests(xia)).toMatchObject([{ state: "scheduled" }]);
  await restoreCopy(night.store);
  await replay(night.context);
  await night.store.query("insert into customers (id, email, status) values (4, 'yan@example.org', 'active')");
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  await night.nightly(night.at("2026-11-14T02:00:00Z"));
  expect(await night.store.query("select email, status from customers where id = 4")).toEqual([
    { email: "yan@example.org", status: "active" },
  ]);
  expect(await night.requests(xia)).toMatchObject([{ state: "blocked", code: "SUBJECT_NOT_FOUND" }]);
});
