import { afterEach, expect, test } from "vitest";
import { planForApproval } from "#forecast.ts";
import { approveRequests } from "#intake/approve.ts";
import { releaseRequest } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { ann, softThenHard } from "#test/execute/guarded.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const reactivated = [{ state: "verified", code: "REACTIVATED" }];
const emails = () => night.store.query("select email from customers order by id");
const untouched = [{ email: "ann@shop.example" }, { email: "bob@shop.example" }];

test("who is active again is not erased when what blocked the end of the grace is settled", async () => {
  night = await openNight({
    ...softThenHard,
    blockers: "- { code: BIG_ORDER, when: { table: orders, total: { gt: 100 } }, then: block }",
  });
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  await night.store.query("update orders set total = 500 where id = 11");
  await night.nightly(night.at("2026-12-03T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject([{ state: "blocked", code: "BIG_ORDER" }]);
  await night.store.query("update customers set status = 'active'; update orders set total = 5");
  await night.nightly(night.at("2026-12-04T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject(reactivated);
  expect(await emails()).toEqual(untouched);
});

test("who is active again, and approves, is the same person as before, whoever has the address by then", async () => {
  night = await openNight(softThenHard);
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  await night.store.query("update customers set status = 'active' where id = 1");
  await night.nightly(night.at("2026-11-05T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject(reactivated);
  await night.store.query(`update customers set email = 'ann@new.example' where id = 1;
    insert into customers values (3, 'ann@shop.example', 'X-3')`);
  const approval = { by: "dpo", planFor: planForApproval };
  await approveRequests(night.at("2026-11-06T01:00:00Z"), [ref], approval);
  await night.nightly(night.at("2026-11-06T02:00:00Z"));
  await night.nightly(night.at("2026-12-20T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  expect(await emails()).toEqual([{ email: null }, { email: "bob@shop.example" }, { email: "ann@shop.example" }]);
});

test("who is active again while the request was held is not erased after it is released", async () => {
  night = await openNight(softThenHard);
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  await holdRequest(night.context, ref, { by: "dpo", matter: "A-1" });
  await releaseRequest(night.context, ref, { by: "dpo" });
  await night.store.query("update customers set status = 'active'");
  await night.nightly(night.at("2026-12-03T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject(reactivated);
  expect(await emails()).toEqual(untouched);
});

test("of two requests for one person who is only marked, neither says that the person is erased", async () => {
  night = await openNight({
    ...softThenHard,
    sections: "deletion: { mode: soft, set: { status: inactive } }",
    tables:
      "customers: { treatment: keep, reason: soft, personal: [email, ext] }\norders: { treatment: keep, reason: books }",
  });
  await night.ask(ann, { external_id: "X-1" });
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "archived" }, { state: "archived" }]);
  expect(await night.state.query("select outcome from lethe.outcome")).toEqual([
    { outcome: "archived_with_pii" },
    { outcome: "archived_with_pii" },
  ]);
});

test("who is gone when the grace is over, by somebody else's hand, is not waited for silently", async () => {
  night = await openNight(softThenHard);
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  await night.store.query("delete from orders where customer_id = 1; delete from customers where id = 1");
  await night.nightly(night.at("2026-12-03T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject([{ state: "blocked", code: "SUBJECT_NOT_FOUND" }]);
});

test("an archived subject whose row somebody else removes is forgotten by the next night, and stays archived", async () => {
  night = await openNight({
    ...softThenHard,
    sections: "deletion: { mode: soft, set: { status: inactive } }",
    tables:
      "customers: { treatment: keep, reason: soft, personal: [email, ext] }\norders: { treatment: keep, reason: books }",
  });
  const [first = "", second = ""] = await night.ask(ann, { email: "bob@shop.example" });
  await night.nightly();
  const known = () =>
    night.state
      .query(`select r.ref from lethe.request r where exists (select from lethe.request_identifier i where i.request_id = r.id)
      or exists (select from lethe.subject_identifier i where i.request_id = r.id)
      or exists (select from lethe.subject s where s.request_id = r.id) order by r.id`);
  expect(await known()).toEqual([{ ref: first }, { ref: second }]);
  await night.store.query("delete from orders where customer_id = 1; delete from customers where id = 1");
  await night.nightly();
  expect(await known()).toEqual([{ ref: second }]);
  expect(await night.requests(first)).toMatchObject([{ state: "archived" }]);
});

test("when the grace is over it is about the same person, whoever has the address by then", async () => {
  night = await openNight({ ...softThenHard, sections: "deletion: { mode: scheduled, grace: P30D }" });
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  await night.store.query(`update customers set email = 'ann@elsewhere.example' where id = 1;
    insert into customers values (3, 'ann@shop.example', 'X-3')`);
  await night.nightly(night.at("2026-12-03T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  expect(await emails()).toEqual([{ email: null }, { email: "bob@shop.example" }, { email: "ann@shop.example" }]);
  expect(await night.state.query("select from lethe.grace")).toEqual([]);
});

test("a subject whose own table conserves totals is marked first and erased later", async () => {
  night = await openNight({
    ...softThenHard,
    schema: `${softThenHard.schema}; alter table customers add amount int default 3`,
    tables: `customers: { treatment: anonymise, conserve: [sum(amount)],
  columns: { email: { set: null }, ext: { set: null }, status: keep, amount: keep } }
orders: { treatment: erase }`,
  });
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  expect(await night.requests(ref)).toMatchObject([{ state: "scheduled" }]);
  await night.nightly(night.at("2026-12-03T02:00:00Z"));
  expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
});
