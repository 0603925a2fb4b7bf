import { afterEach, expect, test } from "vitest";
import type { Context, Store } from "#context.ts";
import { planForApproval } from "#forecast.ts";
import { approveAll, approveRequests } from "#intake/approve.ts";
import { parsePolicy } from "#policy/parse.ts";
import { openNight, policyText, type Night, type NightOptions } from "#test/execute/night.ts";
import { whileLocked } from "#test/execute/while-locked.ts";

let night: Night;
afterEach(() => night.dispose());

const shop = {
  schema: `create table customers (id int primary key, email text, status text not null default 'active');
    create table orders (id int primary key, customer_id int not null references customers, total int);
    insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
    insert into orders values (11, 1, 5), (21, 2, 7)`,
  tables: `customers: { treatment: anonymise, columns: { email: { set: null }, status: keep } }
orders: { treatment: erase }`,
  now: "2026-11-02T02:00:00Z",
} as const;
const softThenHard = {
  ...shop,
  sections: "deletion: { mode: soft-then-hard, set: { status: inactive }, refuse: [orders], grace: P30D }",
} as const;
const kept = `customers: { treatment: keep, reason: soft, personal: [email] }\norders: { treatment: keep, reason: books }`;
const soft = { ...shop, sections: "deletion: { mode: soft, set: { status: inactive } }", tables: kept } as const;
const [ann, bob] = [{ email: "ann@shop.example" }, { email: "bob@shop.example" }];

/** The same shop under another policy. */
const under = (context: Context, options: NightOptions): Context => {
  const [store] = context.stores as [Store];
  return { ...context, stores: [{ ...store, policy: parsePolicy("policy.yaml", policyText(options)) }] };
};
const customers = () => night.store.query("select email, status from customers order by id");

test("who is activated while the batch that would erase them runs keeps everything, and the others of the batch go", async () => {
  night = await openNight(softThenHard);
  const [first = "", second = ""] = await night.ask(ann, bob);
  await night.nightly();
  await whileLocked(night.store, "update customers set status = 'active' where id = 1", () =>
    night.nightly(night.at("2026-12-03T02:00:00Z")),
  );
  expect(await night.requests(first, second)).toMatchObject([
    { state: "verified", code: "REACTIVATED" },
    { state: "completed" },
  ]);
  expect(await customers()).toEqual([
    { ...ann, status: "active" },
    { email: null, status: "inactive" },
  ]);
  expect(await night.store.query("select id from orders")).toEqual([{ id: 11 }]);
});

test("a policy that marks otherwise from now on takes nobody for active again who was marked before", async () => {
  night = await openNight(soft);
  const [first = "", second = ""] = await night.ask(ann, bob);
  await night.nightly();
  const renamed = { ...soft, sections: "deletion: { mode: soft, set: { status: deleted } }" };
  await night.nightly(under(night.context, renamed));
  expect(await night.requests(first, second)).toMatchObject([{ state: "archived" }, { state: "archived" }]);
  await night.store.query("update customers set status = 'active' where id = 1");
  await night.nightly(under(night.context, renamed));
  expect(await night.requests(first, second)).toMatchObject([
    { state: "verified", code: "REACTIVATED" },
    { state: "archived" },
  ]);
});

test("who was marked under one policy and waits under the next is erased when nobody has activated the account", async () => {
  night = await openNight(softThenHard);
  const refs = await night.ask(ann, bob);
  await night.nightly();
  const renamed = { ...softThenHard, sections: softThenHard.sections.replace("inactive", "deleted") };
  const later = under(night.at("2026-12-03T02:00:00Z"), renamed);
  await night.nightly(later);
  expect(await night.requests(...refs)).toMatchObject([{ code: "PLAN_CHANGED" }, { code: "PLAN_CHANGED" }]);
  await night.store.query("update customers set status = 'active' where id = 1");
  await approveRequests(later, refs, { by: "dpo", planFor: planForApproval });
  await night.nightly(later);
  expect(await night.requests(...refs)).toMatchObject([
    { state: "verified", code: "REACTIVATED" },
    { state: "completed" },
  ]);
});

test("an archived subject who is active again, or gone, is noticed whatever the policy's mode is by then", async () => {
  night = await openNight(soft);
  const [first = "", second = ""] = await night.ask(ann, bob);
  await night.nightly();
  await night.store.query("update customers set status = 'active' where id = 1; delete from orders where id = 21");
  await night.store.query("delete from customers where id = 2");
  await night.nightly(under(night.at("2026-12-03T02:00:00Z"), shop));
  expect(await night.requests(first, second)).toMatchObject([
    { state: "verified", code: "REACTIVATED" },
    { state: "archived" },
  ]);
  expect(await night.state.query("select value from lethe.request_identifier")).toEqual([{ value: ann.email }]);
});

test("nothing is known any more of who is archived for good, and what is left of them is found if they ask again", async () => {
  night = await openNight({ ...soft, sections: "deletion: { mode: archive, set: { status: archived } }" });
  const [first = ""] = await night.ask(ann);
  await night.nightly();
  expect(await night.requests(first)).toMatchObject([{ state: "archived" }]);
  expect(await customers()).toEqual([
    { ...ann, status: "archived" },
    { ...bob, status: "active" },
  ]);
  for (const table of ["request_identifier", "subject_identifier", "subject", "grace"]) {
    expect(await night.state.query(`select from lethe.${table}`)).toEqual([]);
  }
  const [second = ""] = await night.ask(ann);
  await night.nightly();
  expect(await night.requests(first, second)).toMatchObject([{ state: "archived" }, { state: "archived" }]);
});

test.each([
  ["numeric(6,2)", "1.005", "1.01"],
  ["boolean", "yes", "true"],
  ["jsonb", `'{"gone":true}'`, `{"gone": true}`],
  ["json", `'{"gone":true}'`, `{"gone":true}`],
  ["timestamptz", "'2026-11-02 03:00+01'", "2026-11-02 02:00:00+00"],
])("a mark in a column of type %s is told from an activation", async (type, set, said) => {
  night = await openNight({
    ...soft,
    schema: `${soft.schema}; alter table customers add gone ${type}`,
    sections: `deletion: { mode: soft, set: { gone: ${set} } }`,
  });
  const [first = "", second = ""] = await night.ask(ann, bob);
  await night.nightly();
  expect(await night.store.query("select gone::text as said from customers")).toEqual([{ said }, { said }]);
  await night.store.query("update customers set gone = null where id = 1");
  await night.nightly();
  expect(await night.requests(first, second)).toMatchObject([
    { state: "verified", code: "REACTIVATED" },
    { state: "archived" },
  ]);
});

test.each([
  ["has another type", "alter status type varchar(20)", "status", "verified"],
  ["is no longer there", "rename status to standing", "standing", "archived"],
])("where the marked column %s, nobody is taken for active again who is not", async (_, change, column, active) => {
  night = await openNight(soft);
  const [first = "", second = ""] = await night.ask(ann, bob);
  await night.nightly();
  await night.store.query(`update customers set status = 'active' where id = 1; alter table customers ${change}`);
  await night.nightly(under(night.context, { ...shop, tables: shop.tables.replace("status", column) }));
  expect(await night.requests(first, second)).toMatchObject([{ state: active }, { state: "archived" }]);
});

test("who waits with a mark that cannot be read any more, and may be active again, is not erased without an approval by reference", async () => {
  night = await openNight(softThenHard);
  const [first = "", second = ""] = await night.ask(ann, bob);
  await night.nightly();
  await night.store.query("update customers set status = 'active' where id = 1");
  await night.store.query("alter table customers rename status to standing");
  const change = (text: string): string => text.replace("status", "standing");
  const renamed = { ...softThenHard, sections: change(softThenHard.sections), tables: change(softThenHard.tables) };
  const at = (now: string): Context => under(night.at(now), renamed);
  await night.nightly(at("2026-12-03T02:00:00Z"));
  const unreadable = { state: "verified", code: "MARK_UNREADABLE", detail: { store: "shop" } };
  expect(await night.requests(first, second)).toMatchObject([unreadable, unreadable]);
  const approval = { by: "dpo", planFor: planForApproval };
  const left = { approved: 0, reactivated: [first, second] };
  expect(await approveAll(at("2026-12-03T03:00:00Z"), approval)).toMatchObject(left);
  await approveRequests(at("2026-12-03T03:00:00Z"), [second], approval);
  await night.nightly(at("2026-12-03T04:00:00Z"));
  await night.nightly(at("2027-01-03T02:00:00Z"));
  expect(await night.requests(first, second)).toMatchObject([unreadable, { state: "completed" }]);
  expect(await night.store.query("select email, standing from customers order by id")).toEqual([
    { ...ann, standing: "active" },
    { email: null, standing: "inactive" },
  ]);
});

test("a mark that a trigger changes fails the request, and the row stays as it was", async () => {
  night = await openNight({
    ...softThenHard,
    schema: `${shop.schema}; create function shout() returns trigger language plpgsql as
      $$ begin if new.id = 1 then new.status := upper(new.status); end if; return new; end $$;
      create trigger shout before update on customers for each row execute function shout()`,
  });
  const [first = "", second = ""] = await night.ask(ann, bob);
  await night.nightly();
  expect(await night.requests(first, second)).toMatchObject([
    { state: "failed", code: "MARK_CHANGED", detail: { store: "shop", hint: expect.stringContaining("triggers") } },
    { state: "scheduled" },
  ]);
  expect(await customers()).toEqual([
    { ...ann, status: "active" },
    { ...bob, status: "inactive" },
  ]);
});
