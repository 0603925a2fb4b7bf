import { afterEach, expect, test } from "vitest";
import { Temporal } from "temporal-polyfill";
import { replayJob } from "#jobs/replay.ts";
import { standingOf } from "#restore/standing.ts";
import { runJob } from "#run-job.ts";
import { formerCustomer, julia, openCompany, type Company } from "#test/conformance/company.ts";
import { dropCopy, restoreCopy, takeCopy } from "#test/restore/copies.ts";

let company: Company;
afterEach(async () => {
  await dropCopy(company.store);
  await company.dispose();
});

test("000: backups are kept for 30 days: a restore from before the erasure replays it before the restored system serves", async () => {
  company = await openCompany("juicyway", {
    backups: [{ name: "nightly", kind: "directory", store: "shop", path: "backups", keepDays: 30 }],
  });
  await formerCustomer(company);
  await takeCopy(company.store);
  await company.ask(julia);
  await company.nightly();
  const [shop] = company.context.stores;
  if (shop === undefined) throw new TypeError("the company has a store");
  const standing = async () => (await standingOf(company.context, shop)).standing;
  const amounts = () =>
    company.store.query(`select 'invoices' as t, count(*) as n, sum(total) as sum from invoices
      union all select 'payments', count(*), sum(amount) from payments order by 1`);
  const kept = await amounts();
  expect([await standing(), await company.holds("canary")]).toEqual(["current", []]);

  await restoreCopy(company.store);
  expect(await standing()).toBe("restored");
  expect(await company.holds("canary")).not.toEqual([]);

  await runJob(company.context, replayJob(shop, { asOf: Temporal.Instant.from("2026-11-02T00:30:00Z") }));
  expect([await standing(), await company.holds("canary")]).toEqual(["current", []]);
  expect(await amounts()).toEqual(kept);
  const [released] = await company.state.query<{ body: string }>(
    "select body from lethe.ledger_entry where kind = 'store.released'",
  );
  expect(JSON.parse(released?.body ?? "")).toMatchObject({ store: "shop", repeated: 1, refused: 0 });
});
