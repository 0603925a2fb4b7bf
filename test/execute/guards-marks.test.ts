import { afterEach, expect, test } from "vitest";
import type { Context, Store } from "#context.ts";
import { parsePolicy } from "#policy/parse.ts";
import { connections, insert, openMarked, refused, softThenHard } from "#test/execute/guarded.ts";
import { policyText, type Night } from "#test/execute/night.ts";

let night: Night;
const { connect, close } = connections();
afterEach(async () => {
  await close();
  await night.dispose();
});

test("a guard knows a mark as it is stored, whatever the settings of who orders", async () => {
  const mark = `{ score: 1.005, at: '2026-11-02 03:00', day: '01/02/2026', wait: P1DT2H, share: 0.1, word: '\\x6c65', note: '{"gone":  1}' }`;
  night = await openMarked({
    schema: `${softThenHard.schema}; alter table customers add score numeric(6,2), add at timestamptz(0), add day date, add wait interval,
      add share float4, add word bytea, add note json`,
    sections: softThenHard.sections.replace("{ status: inactive }", mark),
    tables: softThenHard.tables.replace(
      "status: keep",
      "status: keep, score: keep, at: keep, day: keep, wait: keep, share: keep, word: keep, note: keep",
    ),
  });
  const shop = await connect(night);
  await shop.query(`set timezone = 'America/New_York'; set datestyle = 'German, DMY'; set intervalstyle = sql_standard;
    set extra_float_digits = -15; set bytea_output = escape`);
  await expect(shop.query(insert(12))).rejects.toMatchObject(refused);
  await shop.query(insert(22, 2));
  await shop.query("update customers set at = at + interval '1 s' where id = 1");
  await shop.query(insert(13));
});

test("who was marked under an earlier policy takes no new order, as long as there is anybody", async () => {
  const marking = (status: string) => ({
    ...softThenHard,
    sections: `deletion: { mode: soft, set: { status: ${status} }, refuse: [orders] }`,
    tables: `customers: { treatment: keep, reason: can be reactivated, personal: [email, ext] }
orders: { treatment: keep, reason: books }`,
  });
  night = await openMarked(marking("inactive"));
  const later = (at: string): Context => {
    const context = night.at(at);
    const [store] = context.stores as [Store];
    const policy = parsePolicy("policy.yaml", policyText(marking("deleted")));
    return { ...context, stores: [{ ...store, policy }] };
  };
  await night.nightly(later("2026-11-03T02:00:00Z"));
  await expect(night.store.query(insert(12))).rejects.toMatchObject(refused);
  await night.store.query("delete from orders where id = 11; delete from customers where id = 1");
  await night.nightly(later("2026-11-04T02:00:00Z"));
  await night.store.query(`update customers set status = 'inactive' where id = 2; ${insert(22, 2)}`);
  await night.store.query("update customers set status = 'deleted' where id = 2");
  await expect(night.store.query(insert(23, 2))).rejects.toMatchObject(refused);
});
