import { afterEach, expect, test } from "vitest";
import type { Context, Store } from "#context.ts";
import { closePool, openPool } from "#db/pool.ts";
import { planForApproval } from "#forecast.ts";
import { approveRequests } from "#intake/approve.ts";
import { parsePolicy } from "#policy/parse.ts";
import { openNight, policyText, withRequests, type Night } from "#test/execute/night.ts";
import { whileLocked } from "#test/execute/while-locked.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let night: Night;
let crm: TestDatabase;
let other: Store;
afterEach(async () => {
  await closePool(other.pool);
  await Promise.all([crm.drop(), night.dispose()]);
});

/** The shop and a second store, each with its own meaning of deletion. */
const open = async (
  shopDeletion: string,
  crmDeletion: string,
  {
    customers = "{ treatment: anonymise, columns: { email: { set: null }, status: keep } }",
    contacts = "{ treatment: erase }",
  } = {},
): Promise<Night> => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, status text not null default 'active');
      insert into customers values (1, 'ann@shop.example')`,
    sections: `deletion: ${shopDeletion}`,
    tables: `customers: ${customers}`,
    now: "2026-11-02T02:00:00Z",
  });
  crm =
    await createDatabase(`create table contacts (id int primary key, mail text, status text not null default 'active');
    insert into contacts values (7, 'ann@shop.example')`);
  const [shop] = night.context.stores as [Store];
  const policy = policyText({
    subject: "{ table: contacts, key: id, identifiers: { email: mail } }",
    sections: `deletion: ${crmDeletion}`,
    tables: `contacts: ${contacts}`,
  });
  other = {
    name: "crm",
    pool: openPool({ url: crm.url, applicationName: "test", label: "crm" }),
    policy: parsePolicy("crm.yaml", policy),
    config: { ...shop.config, name: "crm" },
  };
  const stores = [shop, other];
  const at = (now: string): Context => ({ ...night.at(now), stores });
  return { ...withRequests({ ...night, context: { ...night.context, stores } }), at };
};
const left = async () => ({
  shop: await night.store.query("select email, status from customers order by id"),
  crm: await crm.query("select mail, status from contacts order by id"),
});
const whileCrmIsDown = async (context: Context, job: (context: Context) => Promise<unknown>): Promise<void> => {
  const [shop] = context.stores as [Store];
  const url = "postgres://127.0.0.1:1/none";
  const pool = openPool({ url, applicationName: "test", label: "crm", connectTimeoutMs: 500 });
  await expect(job({ ...context, stores: [shop, { ...other, pool }] })).rejects.toMatchObject({
    code: "DATABASE_REFUSED",
  });
  await closePool(pool);
};
const ann = { email: "ann@shop.example" };

test("where two stores let a request wait, it waits until the last of them is ready, whichever comes first", async () => {
  const both = await open("{ mode: scheduled, grace: P1D }", "{ mode: scheduled, grace: P30D }");
  await both.ask(ann);
  await both.nightly();
  await both.nightly(both.at("2026-11-04T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "scheduled" }]);
  expect(await left()).toMatchObject({ shop: [ann], crm: [{ mail: ann.email }] });
  await both.nightly(both.at("2026-12-03T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "erased" }]);
  expect(await left()).toMatchObject({ shop: [{ email: null }], crm: [] });
});

test("where two stores mark their subjects, both do", async () => {
  const soft = "{ mode: soft-then-hard, set: { status: inactive }, grace: P30D }";
  const both = await open(soft, soft);
  await both.ask(ann);
  await both.nightly();
  expect(await both.requests()).toMatchObject([{ state: "scheduled" }]);
  expect(await left()).toEqual({
    shop: [{ email: ann.email, status: "inactive" }],
    crm: [{ mail: ann.email, status: "inactive" }],
  });
  await both.nightly(both.at("2026-12-03T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "erased" }]);
  expect(await left()).toEqual({ shop: [{ email: null, status: "inactive" }], crm: [] });
});

test("a store that is down when the grace begins elsewhere has its own before anything is erased", async () => {
  const soft = "{ mode: soft-then-hard, set: { status: inactive }, grace: P30D }";
  const both = await open(soft, soft);
  await both.ask(ann);
  await whileCrmIsDown(both.context, (context) => both.erase(context));
  expect(await both.requests()).toMatchObject([{ state: "scheduled" }]);
  await both.nightly(both.at("2026-12-03T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "scheduled" }]);
  expect(await left()).toEqual({
    shop: [{ email: ann.email, status: "inactive" }],
    crm: [{ mail: ann.email, status: "inactive" }],
  });
  await both.nightly(both.at("2027-01-03T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "erased" }]);
});

test("who is active again in one store and approved again is done again in the other, too", async () => {
  const contacts = "{ treatment: keep, reason: soft, personal: [mail] }";
  const both = await open("{ mode: hard }", "{ mode: soft, set: { status: inactive } }", { contacts });
  const refs = await both.ask(ann);
  await both.nightly();
  expect(await both.requests()).toMatchObject([{ state: "archived" }]);
  await crm.query("update contacts set status = 'active'");
  await night.store.query("insert into customers values (9, 'ann@shop.example')");
  await both.nightly();
  expect(await both.requests()).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  await approveRequests(both.context, refs, { by: "dpo", planFor: planForApproval });
  await both.nightly();
  expect(await both.requests()).toMatchObject([{ state: "archived" }]);
  expect(await left()).toMatchObject({ shop: [{ email: null }, { email: null }], crm: [{ status: "inactive" }] });
});

test("while it waits in one store, somebody else may take over the address in the other and is not erased", async () => {
  const both = await open("{ mode: scheduled, grace: P30D }", "{ mode: hard }");
  await both.ask(ann);
  await both.nightly();
  await crm.query("update contacts set mail = 'ann@new.example'; insert into contacts values (8, 'ann@shop.example')");
  await both.nightly(both.at("2026-12-03T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "erased" }]);
  expect(await crm.query("select id, mail from contacts")).toEqual([{ id: 8, mail: "ann@shop.example" }]);
});

test("who is active again is not erased in a night in which that could not be seen", async () => {
  const soft = "{ mode: soft-then-hard, set: { status: inactive }, grace: P30D }";
  const both = await open(soft, soft);
  await both.ask(ann);
  await both.nightly();
  await night.store.query("update customers set status = 'active'");
  const later = both.at("2026-12-03T02:00:00Z");
  const stage = (name: string): void => {
    if (name === "Find subjects in shop") throw new Error("the store does not answer now");
  };
  await expect(both.nightly({ ...later, progress: { ...later.progress, stage } })).rejects.toThrow(
    "does not answer now",
  );
  expect(await left()).toMatchObject({ shop: [{ email: ann.email }], crm: [{ mail: ann.email }] });
  await both.nightly(later);
  expect(await both.requests()).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  expect(await left()).toMatchObject({ shop: [{ email: ann.email }], crm: [{ mail: ann.email }] });
});

test("what failed in one store and has gone there by another hand meanwhile keeps no request open", async () => {
  const both = await open("{ mode: hard }", "{ mode: hard }");
  const [ref = ""] = await both.ask(ann);
  const locked = await crm.pool.raw.connect();
  await locked.query("begin; select from contacts for update");
  await both.nightly();
  expect(await both.requests(ref)).toMatchObject([{ state: "failed", code: "ROW_LOCKED" }]);
  await locked.query("delete from contacts; commit");
  locked.release();
  await both.nightly();
  expect(await both.requests(ref)).toMatchObject([{ state: "completed" }]);
  expect(await both.state.query("select from lethe.request_identifier")).toEqual([]);
});

test("who is active again has an open request also when another store is down, and is done again in both", async () => {
  const customers = "{ treatment: keep, reason: soft, personal: [email] }";
  const both = await open("{ mode: soft, set: { status: inactive } }", "{ mode: hard }", { customers });
  const [ref = ""] = await both.ask(ann);
  await both.nightly();
  await night.store.query("update customers set status = 'active'");
  await crm.query("insert into contacts values (8, 'ann@shop.example')");
  await whileCrmIsDown(both.context, both.nightly);
  expect(await both.requests()).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  await approveRequests(both.context, [ref], { by: "dpo", planFor: planForApproval });
  await both.nightly();
  expect(await both.requests()).toMatchObject([{ state: "archived" }]);
  expect(await left()).toEqual({ shop: [{ email: ann.email, status: "inactive" }], crm: [] });
  expect(await night.state.query("select from lethe.reopened")).toEqual([]);
});

test("who is active again is looked for, where they were erased, by what their row says now, and not by what was asked then", async () => {
  const customers = "{ treatment: keep, reason: soft, personal: [email] }";
  const both = await open("{ mode: soft, set: { status: inactive } }", "{ mode: hard }", { customers });
  const refs = await both.ask(ann);
  await both.nightly();
  await night.store.query("update customers set status = 'active', email = 'ann@new.example'");
  await crm.query("insert into contacts values (8, 'ann@shop.example'), (9, 'ann@new.example')");
  await both.nightly();
  expect(await both.requests()).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  await approveRequests(both.context, refs, { by: "dpo", planFor: planForApproval });
  await both.nightly();
  expect(await both.requests()).toMatchObject([{ state: "archived" }]);
  expect(await left()).toMatchObject({ shop: [{ status: "inactive" }], crm: [{ mail: ann.email }] });
});

test("who is active again keeps everything when the grace is over while another store is down", async () => {
  const both = await open("{ mode: soft-then-hard, set: { status: inactive }, grace: P30D }", "{ mode: hard }");
  await both.ask(ann);
  await both.nightly();
  await night.store.query("update customers set status = 'active'");
  await whileCrmIsDown(both.at("2026-12-03T02:00:00Z"), both.nightly);
  expect(await both.requests()).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  expect(await left()).toMatchObject({ shop: [{ email: ann.email, status: "active" }], crm: [{ mail: ann.email }] });
});

test("who is activated in one store while the batch that would erase them runs keeps everything in the next one, too", async () => {
  const both = await open("{ mode: soft-then-hard, set: { status: inactive }, grace: P30D }", "{ mode: hard }");
  const refs = await both.ask(ann);
  await both.nightly();
  await whileLocked(night.store, "update customers set status = 'active'", () =>
    both.nightly(both.at("2026-12-03T02:00:00Z")),
  );
  expect(await both.requests()).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
  expect(await left()).toEqual({
    shop: [{ email: ann.email, status: "active" }],
    crm: [{ mail: ann.email, status: "active" }],
  });
  await approveRequests(both.at("2026-12-04T01:00:00Z"), refs, { by: "dpo", planFor: planForApproval });
  await both.nightly(both.at("2026-12-04T02:00:00Z"));
  await both.nightly(both.at("2027-01-04T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "erased" }]);
  expect(await left()).toEqual({ shop: [{ email: null, status: "inactive" }], crm: [] });
});

test("of an archived subject only the store is remembered in which the account can be activated again, until it is gone there", async () => {
  const customers = "{ treatment: keep, reason: soft, personal: [email] }";
  const both = await open("{ mode: soft, set: { status: inactive } }", "{ mode: scheduled, grace: P1D }", {
    customers,
  });
  await both.ask(ann);
  await both.nightly();
  await both.nightly(both.at("2026-11-04T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "archived" }]);
  const known = async () => ({
    subjects: await night.state.query("select store, key from lethe.subject"),
    found: await night.state.query("select store, kind, value from lethe.subject_identifier order by kind"),
    asked: await night.state.query("select kind, value from lethe.request_identifier"),
    waiting: await night.state.query("select key from lethe.grace"),
  });
  expect(await known()).toEqual({
    subjects: [{ store: "shop", key: "1" }],
    found: [{ store: "shop", kind: "email", value: ann.email }],
    asked: [{ kind: "email", value: ann.email }],
    waiting: [],
  });
  await night.store.query("delete from customers");
  await both.nightly(both.at("2026-11-05T02:00:00Z"));
  expect(await both.requests()).toMatchObject([{ state: "archived" }]);
  expect(await known()).toEqual({ subjects: [], found: [], asked: [], waiting: [] });
});

test("while it waits in one store, the rules may change there: what was never approved is not done, and what was done elsewhere stays", async () => {
  const both = await open("{ mode: hard }", "{ mode: hard }");
  const [ref = ""] = await both.ask(ann);
  const locked = await crm.pool.raw.connect();
  await locked.query("begin; select from contacts for update");
  await both.nightly();
  await locked.query("commit");
  locked.release();
  expect(await both.requests(ref)).toMatchObject([{ state: "failed", code: "ROW_LOCKED" }]);
  const [shop] = both.context.stores as [Store];
  const policy = parsePolicy(
    "crm.yaml",
    policyText({
      subject: "{ table: contacts, key: id, identifiers: { email: mail } }",
      sections: "deletion: { mode: hard }",
      tables: "contacts: { treatment: anonymise, columns: { mail: { set: null }, status: keep } }",
    }),
  );
  const stores = [shop, { ...other, policy }];
  await both.nightly({ ...both.at("2026-11-03T02:00:00Z"), stores });
  expect(await both.requests(ref)).toMatchObject([
    { state: "failed", code: "PLAN_CHANGED", detail: { store: "crm", hint: expect.stringContaining("approve again") } },
  ]);
  expect(await left()).toMatchObject({ shop: [{ email: null }], crm: [{ mail: ann.email }] });
  await approveRequests({ ...both.at("2026-11-03T12:00:00Z"), stores }, [ref], { by: "dpo", planFor: planForApproval });
  await both.nightly({ ...both.at("2026-11-04T02:00:00Z"), stores });
  expect(await both.requests(ref)).toMatchObject([{ state: "erased" }]);
  expect(await left()).toMatchObject({ shop: [{ email: null }], crm: [{ mail: null }] });
});
