import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { holdRows } from "#holds/rows.ts";
import { showRequest } from "#intake/show.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

/** Somebody alone on Sylt asks on 2 November; it is due on 2 December. */
const schema = `
  create table customers (id int primary key, email text unique);
  insert into customers values (1, 'p1@shop.example'), (2, 'p2@shop.example');
  create table visits (id int generated always as identity primary key, customer_id int references customers, city text);
  insert into visits (customer_id, city) values (1, 'Sylt');
  create table addresses (id int primary key, customer_id int references customers);
  insert into addresses values (1, 1);
  create table papers (id int primary key, customer_id int references customers);
  insert into papers values (1, 1);
`;
const tables = (late: string) => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: anonymise, quasi: [city], k: 2, late: ${late}, columns: { customer_id: { set: null }, city: keep } }
addresses: { treatment: erase }
papers: { treatment: erase }`;
const count = async (table: string): Promise<unknown> => (await night.store.query(`select from ${table}`)).length;
const requestsIn = async (report: string | null | undefined) =>
  (
    JSON.parse(await readFile(join(report ?? "", "report.json"), "utf8")) as {
      requests: { overdue: unknown[]; warnings: unknown[]; counts: object };
    }
  ).requests;

describe("who waits for company", () => {
  it("is warned of before the day, and named as overdue after it", async () => {
    night = await openNight({ schema, tables: tables("wait") });
    const [ref = ""] = await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    const soon = await night.nightly(night.at("2026-11-29T02:00:00Z"));
    expect(await requestsIn(soon.report)).toMatchObject({
      warnings: [{ ref, what: "due-soon", daysLeft: 3 }],
      overdue: [],
    });
    const past = await night.nightly(night.at("2026-12-24T02:00:00Z"));
    expect(await requestsIn(past.report)).toMatchObject({
      overdue: [{ ref, state: "failed", code: "ANONYMITY_BELOW", daysLate: 22 }],
      counts: { failed: 1, overdue: 0 },
    });
  });

  it("waits no longer than to the last night that is scheduled before the day, be it a week before", async () => {
    night = await openNight({ schema, tables: tables("erase"), config: { schedule: { nightly: "0 3 * * 1" } } });
    const [ref = ""] = await night.ask({ email: "p1@shop.example" });
    await night.nightly(night.at("2026-11-23T02:00:00Z"));
    expect(await night.requests()).toMatchObject([{ state: "failed", code: "ANONYMITY_BELOW" }]);
    expect(await showRequest(night.context, ref)).toMatchObject({ waits: { until: "2026-11-30", then: "erase" } });
    await night.nightly(night.at("2026-11-30T02:00:00Z"));
    expect(await night.requests()).toMatchObject([{ state: "completed" }]);
    expect(await count("visits")).toBe(0);
  });

  it("does not keep what no hold needs past the day because of one on other rows", async () => {
    night = await openNight({ schema, tables: tables("erase") });
    await night.ask({ email: "p1@shop.example" });
    const placing = { by: "counsel", matter: "AZ-1", reason: "litigation" as const, until: undefined };
    await holdRows(night.context, placing, {
      store: "shop",
      table: "papers",
      clock: undefined,
      from: undefined,
      to: undefined,
    });
    await night.nightly();
    expect(await night.requests()).toMatchObject([
      {
        state: "blocked",
        code: "LEGAL_HOLD",
        detail: { matter: "AZ-1", also: ["ANONYMITY_BELOW"], wait: { missing: 1, then: "erase" } },
      },
    ]);
    expect([await count("visits"), await count("addresses")]).toEqual([1, 1]);
    await night.nightly(night.at("2026-12-01T02:00:00Z"));
    expect(await night.requests()).toMatchObject([
      { state: "blocked", code: "LEGAL_HOLD", detail: { matter: "AZ-1" } },
    ]);
    expect([await count("visits"), await count("addresses"), await count("papers")]).toEqual([0, 0, 1]);
  });
});
