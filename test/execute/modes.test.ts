import { afterEach, describe, expect, test } from "vitest";
import { refuseRequest, withdrawRequest } from "#intake/decide.ts";
import { approveAll, approveRequests } from "#intake/approve.ts";
import { planForApproval } from "#forecast.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `
  create table customers (id int primary key, email text, status text not null default 'active');
  create table orders (id int primary key, customer_id int not null references customers, total int);
  create view present as select id, email from customers where status = 'active';
  insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
  insert into orders values (11, 1, 5), (21, 2, 7)`;

const softThenHard = {
  schema,
  sections: `deletion:
  mode: soft-then-hard
  set: { status: inactive }
  hidden_from: [present]
  refuse: [orders]
  grace: P30D`,
  tables: `
customers: { treatment: anonymise, columns: { email: { set: null }, status: keep } }
orders: { treatment: erase }`,
  now: "2026-11-02T02:00:00Z",
} as const;

const customers = () => night.store.query("select id, email, status from customers order by id");
const ann = { id: 1, email: "ann@shop.example" };
const bob = { id: 2, email: "bob@shop.example", status: "active" };

describe("soft now, hard after the time of grace", () => {
  test("the first night marks, the night in which the grace is over erases", async () => {
    night = await openNight(softThenHard);
    const [ref = ""] = await night.ask({ email: ann.email });
    expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { pending: 1, done: 0 } });
    expect(await customers()).toEqual([{ ...ann, status: "inactive" }, bob]);
    expect(await night.store.query("select id from present")).toEqual([{ id: 2 }]);
    expect(await night.requests(ref)).toMatchObject([{ state: "scheduled" }]);
    expect(await night.dispositions(ref)).toEqual([]);
    await expect(night.store.query("insert into orders values (12, 1, 1)")).rejects.toMatchObject({ code: "23000" });

    await night.nightly(night.at("2026-12-01T02:00:00Z"));
    expect(await customers()).toEqual([{ ...ann, status: "inactive" }, bob]);

    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await customers()).toEqual([{ id: 1, email: null, status: "inactive" }, bob]);
    expect(await night.store.query("select id from orders")).toEqual([{ id: 21 }]);
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
    expect(await night.dispositions(ref)).toEqual(["anonymise customers 1 0", "erase orders 1 0"]);
  });

  test("months of grace are those of the controller's calendar, whatever the clocks do", async () => {
    night = await openNight({
      ...softThenHard,
      sections: softThenHard.sections.replace("P30D", "P1M"),
      now: "2026-10-05T01:00:00Z",
    });
    await night.ask({ email: ann.email });
    await night.nightly();
    const [request] = await night.state.query<{ at: string }>("select scheduled_for as at from lethe.request");
    // Three o'clock in Berlin before and after the end of summer time.
    expect(request?.at).toMatch(/^2026-11-05T02:00:0/);
  });

  test("who withdraws in time keeps everything, and whoever activates the account may order again", async () => {
    night = await openNight(softThenHard);
    const [ref = ""] = await night.ask({ email: ann.email });
    await night.nightly();
    await withdrawRequest(night.context, ref, { by: "dpo" });
    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "withdrawn" }]);
    await night.store.query(
      "update customers set status = 'active' where id = 1; insert into orders values (12, 1, 1)",
    );
    expect(await customers()).toEqual([{ ...ann, status: "active" }, bob]);
  });

  test("an account that is active again reopens the request, which waits for an approval by its reference and begins anew", async () => {
    night = await openNight(softThenHard);
    const [ref = ""] = await night.ask({ email: ann.email });
    await night.nightly();
    await night.store.query("update customers set status = 'active' where id = 1");
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
    await night.nightly();
    expect(await customers()).toEqual([{ ...ann, status: "active" }, bob]);
    const approval = { by: "dpo", planFor: planForApproval };
    expect(await approveAll(night.context, approval)).toMatchObject({ approved: 0, reactivated: [ref] });
    expect(await approveRequests(night.context, [ref], approval)).toMatchObject({ approved: 1, reactivated: [] });
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "scheduled" }]);
    expect(await customers()).toEqual([{ ...ann, status: "inactive" }, bob]);
    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  });

  test("a request that is refused while it waits is not carried out", async () => {
    night = await openNight(softThenHard);
    const [ref = ""] = await night.ask({ email: ann.email });
    await night.nightly();
    await refuseRequest(night.context, ref, { by: "dpo", reason: "legal-claims", citation: "BGB §195" });
    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "refused" }]);
    expect(await customers()).toEqual([{ ...ann, status: "inactive" }, bob]);
  });

  test("what comes up meanwhile blocks when the time is over, and waits for nothing else afterwards", async () => {
    night = await openNight({
      ...softThenHard,
      blockers: "- { code: BIG_ORDER, when: { table: orders, total: { gt: 100 } }, then: block }",
    });
    const [ref = ""] = await night.ask({ email: ann.email });
    await night.nightly();
    await night.store.query("update orders set total = 500 where id = 11");
    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "blocked", code: "BIG_ORDER" }]);
    await night.store.query("update orders set total = 5 where id = 11");
    await night.nightly(night.at("2026-12-04T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  });

  test("a policy that has changed sends the request back for approval, and its time of grace goes on meanwhile", async () => {
    night = await openNight(softThenHard);
    const [ref = ""] = await night.ask({ email: ann.email });
    await night.nightly();
    await night.store.query("alter table orders add note text");
    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "verified", code: "PLAN_CHANGED" }]);
    expect(await customers()).toEqual([{ ...ann, status: "inactive" }, bob]);
    const later = night.at("2026-12-03T03:00:00Z");
    await approveAll(later, { by: "dpo", planFor: planForApproval });
    await night.nightly(later);
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  });
});

test("a guard that the policy no longer asks for lets everything pass", async () => {
  night = await openNight(softThenHard);
  await night.ask({ email: ann.email });
  await night.nightly();
  const [shop] = night.context.stores;
  if (shop === undefined) throw new Error("no store");
  const { deletion } = shop.policy;
  const policy = {
    ...shop.policy,
    deletion: {
      ...deletion,
      mark: {
        ...deletion.mark,
        set: { status: { kind: "constant" as const, value: "inactive" } },
        hiddenFrom: [],
        refuse: [],
      },
    },
  };
  await night.nightly({ ...night.context, stores: [{ ...shop, policy }] });
  await night.store.query("insert into orders values (12, 1, 1)");
});
