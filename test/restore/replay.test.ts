import { afterEach, expect, test } from "vitest";
import { planForApproval } from "#forecast.ts";
import { approveAll } from "#intake/approve.ts";
import { refuseRequest } from "#intake/decide.ts";
import { uncertainIn } from "#restore/uncertain.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";
import { dropCopy, restoreCopy, takeCopy } from "#test/restore/copies.ts";
import { backups, emailsIn, replay, restoredNight, shop, standingIn } from "#test/restore/restored.ts";

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

const everything = async (): Promise<unknown> => ({
  customers: await night.store.query("select * from customers order by id"),
  orders: await night.store.query("select * from orders order by id"),
});

const kinds = async (): Promise<readonly string[]> =>
  (
    await night.state.query<{ kind: string }>(
      "select kind from lethe.ledger_entry where kind like 'store.%' or kind = 'request.repeats' order by index",
    )
  ).map(({ kind }) => kind);

test("whoever was erased after the recovery target time is erased again in the restored store, which is released then", async () => {
  await restored();
  expect(await emails()).toEqual(["ada@example.org", "ben@example.org", "cy@example.org"]);
  expect(await standing()).toBe("restored");
  const summary = await replay(night.context);
  expect(await everything()).toEqual({
    customers: [{ id: 2, email: "ben@example.org", phone: "+493012345678", status: "active" }],
    orders: [{ id: 2, customer_id: 2, note: "of ben@example.org" }],
  });
  expect(summary).toMatchObject({ outcome: "done", requests: { received: 4, done: 4 } });
  expect(await standing()).toBe("current");
  expect(await kinds()).toEqual(["store.restored", "request.repeats", "request.repeats", "store.released"]);
  const [released] = await night.state.query<{ body: string }>(
    "select body from lethe.ledger_entry where kind = 'store.released'",
  );
  expect(JSON.parse(released?.body ?? "")).toMatchObject({
    store: "shop",
    asOf: "2026-11-02T00:30:00.000Z",
    repeated: 2,
    refused: 0,
  });
});

test("until then no night works on the restored store, and nothing in it is taken for what it is not", async () => {
  await restored();
  const full = await everything();
  await night.ask({ email: "ben@example.org" });
  await expect(night.nightly()).rejects.toMatchObject({ code: "STORE_RESTORED" });
  expect(await everything()).toEqual(full);
  await replay(night.context);
  expect(await emails()).toEqual(["ben@example.org"]);
  await night.nightly();
  expect(await emails()).toEqual([]);
});

test("the live store, named by mistake, is refused, and so is a time that the store cannot be of", async () => {
  night = await openNight(shop);
  await night.ask({ email: "ada@example.org" });
  await night.nightly();
  const live = await everything();
  await expect(replay(night.context)).rejects.toMatchObject({ code: "STORE_NOT_RESTORED" });
  expect(await everything()).toEqual(live);
  await takeCopy(night.store);
  await night.ask({ email: "cy@example.org" });
  const later = night.at("2026-11-03T02:00:00Z");
  await night.nightly(later);
  await restoreCopy(night.store);
  const full = await everything();
  for (const asOf of ["2026-11-03T02:30:00Z", "2026-11-04T02:30:00Z"]) {
    await expect(replay(night.at("2026-11-03T04:00:00Z"), asOf)).rejects.toMatchObject({ code: "RESTORE_TIME" });
  }
  expect(await everything()).toEqual(full);
  expect(await standing()).toBe("restored");
});

test("a second replay finds nothing to do; a row that came back under the same key is erased once more", async () => {
  await restored({ blockers: "- { code: ORDERS, when: { table: orders, note: [open] }, then: block }" });
  await night.store.query("insert into orders (customer_id, note) values (3, 'open')");
  await replay(night.context);
  expect(await emails()).toEqual(["ben@example.org", "cy@example.org"]);
  expect(await standing()).toBe("repeating");
  await night.store.query("insert into customers (id, email) values (1, 'ada@example.org')");
  await replay(night.context);
  expect(await emails()).toEqual(["ben@example.org", "cy@example.org"]);
  expect((await kinds()).filter((kind) => kind === "request.repeats")).toHaveLength(3);
  await night.store.query("delete from orders where note = 'open'");
  await night.nightly();
  expect(await emails()).toEqual(["ben@example.org"]);
  expect(await standing()).toBe("current");
  await expect(replay(night.context)).rejects.toMatchObject({ code: "STORE_NOT_RESTORED" });
});

test("a living person who shares the telephone of somebody erased is left alone", async () => {
  await restored();
  await replay(night.context);
  expect(await night.store.query("select id, phone from customers")).toEqual([{ id: 2, phone: "+493012345678" }]);
});

test("a row of which it is not certain whose it is waits for a person, and the release with it", async () => {
  await restored();
  // The store served before it was released: somebody new got the key of Cy.
  await night.store.query("update customers set email = 'dora@example.org' where id = 3");
  await replay(night.context);
  expect(await emails()).toEqual(["ben@example.org", "dora@example.org"]);
  expect(await standing()).toBe("repeating");
  const [uncertain] = await uncertainIn(night.context, "shop");
  expect(uncertain?.key).toBe("3");
  await approveAll(night.context, { by: "dpo", planFor: planForApproval });
  await night.nightly();
  expect(await emails()).toEqual(["ben@example.org", "dora@example.org"]);
  await refuseRequest(night.context, uncertain?.request ?? "", { by: "dpo", reason: "not-a-data-subject" });
  await replay(night.context);
  expect(await emails()).toEqual(["ben@example.org", "dora@example.org"]);
  expect(await standing()).toBe("current");
});

test("an uncertain row that a person approves is erased, whoever else bears its e-mail address by now", async () => {
  await restored({ sections: "purposes: [delete-user]" });
  await night.store.query("update customers set email = 'ben@example.org' where id = 3");
  await replay(night.context);
  const [uncertain] = await uncertainIn(night.context, "shop");
  // What was allowed when it was done is not refused now: another store's policy may name other purposes.
  await night.state.query("update lethe.request set purpose = 'close-account' where restore_id is not null");
  await night.approve(uncertain?.request ?? "");
  await night.nightly();
  expect(await night.store.query("select id from customers")).toEqual([{ id: 2 }]);
  expect(await standing()).toBe("current");
});

test("what was forgotten, or never kept, is said instead of released", async () => {
  await restored();
  await night.state.query("insert into lethe.forgotten values ('shop', '2026-11-02T01:00:00Z')");
  await expect(replay(night.context)).rejects.toMatchObject({ code: "RESTORE_UNKNOWN" });
  await night.state.query("delete from lethe.forgotten; update lethe.suppression set key_id = 'other'");
  await expect(replay(night.context)).rejects.toMatchObject({ code: "RESTORE_UNKNOWN" });
  await night.dispose();
  await restored({ backups: [] });
  await expect(replay(night.context)).rejects.toMatchObject({ code: "RESTORE_UNKNOWN" });
  expect(await standing()).toBe("restored");
});

test("no identifier of anybody stands in what is kept of a replay", async () => {
  await restored();
  await replay(night.context);
  const kept = JSON.stringify([
    await night.state.query("select * from lethe.restore"),
    await night.state.query("select body from lethe.ledger_entry"),
    await night.state.query("select * from lethe.request"),
    await night.state.query("select * from lethe.identity"),
    night.logged(),
  ]);
  expect(kept).not.toMatch(/example\.org|12345678/);
  expect(await night.state.query("select from lethe.restore_entry")).toEqual([]);
});

test("backups that were named only after an erasure do not tell whom it was about", async () => {
  await restored({ backups: [] });
  const { config } = night.context;
  const named = {
    ...night.at("2026-11-03T02:00:00Z"),
    config: { ...config, backups: [{ ...backups[0], path: night.directory }] },
  };
  await expect(replay(named)).rejects.toMatchObject({ code: "RESTORE_UNKNOWN" });
  expect(await standing()).toBe("restored");
});

test("nobody has to look at an uncertain row any more that another request has had erased", async () => {
  await restored();
  await night.store.query("update customers set email = 'dora@example.org' where id = 3");
  await replay(night.context);
  expect(await uncertainIn(night.context, "shop")).toHaveLength(1);
  await night.ask({ email: "dora@example.org" });
  await night.nightly();
  await night.nightly();
  expect([await standing(), await emails()]).toEqual(["current", ["ben@example.org"]]);
});
