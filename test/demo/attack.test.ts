import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { attackStores } from "#anonymity/attack-stores.ts";
import { calendar } from "#demo/calendar.ts";
import { generateCompany } from "#demo/generate.ts";
import { loadCompany } from "#demo/load.ts";
import { writeLetters } from "#demo/requests.ts";
import { fixedClock } from "#lib/clock.ts";
import { withRequests, type Night } from "#test/execute/night.ts";
import { repository } from "#test/support/cli.ts";
import { testContext } from "#test/support/context.ts";

let night: Night;
afterEach(() => night.dispose());

const now = "2026-11-02T02:00:00Z";
const days = calendar(fixedClock(now), "Europe/Berlin");
const company = generateCompany({ seed: 7, customers: 600, days });
/** Whom nothing keeps from being erased. */
const people = writeLetters(7, company, days).free;

/** The sample policy with other lines for the tracked events, and with the attack that it has to withstand. */
const policyWith = (lines: Readonly<Record<string, string>>): string => {
  const sample = readFileSync(join(repository, "policies/juicyway.yaml"), "utf8");
  const start = sample.indexOf("  analytics_events:");
  const end = sample.indexOf("\n\n", start);
  const attack =
    "    attack: [{ knows: invoices, by: { occurred_at: issued_on, amount: total, country: billing_country }, whose: customer_id }]";
  const rule = Object.entries(lines).reduce(
    (text, [key, value]) => text.replace(new RegExp(`^( +${key}: ).*$`, "m"), `$1${value}`),
    sample.slice(start, end),
  );
  return `${sample.slice(0, start)}${rule}\n${attack}${sample.slice(end)}`;
};

const openDemo = async (policy: string): Promise<void> => {
  night = withRequests(await testContext({ policy, now }));
  await loadCompany(night.store.pool, company, days);
  await night.ask(...people.map(({ email }) => ({ email })));
};

const totals = () =>
  night.store.query(
    "select date_trunc('quarter', occurred_at, 'Europe/Berlin') as quarter, event, count(*), sum(amount)::text as sum from analytics_events group by 1, 2 order by 1, 2",
  );
const states = async (): Promise<Record<string, number>> => {
  const requests = await night.requests();
  return Object.fromEntries(
    [...Map.groupBy(requests, ({ state, code }) => code ?? state)].map(([state, some]) => [state, some.length]),
  );
};

describe("the tracked events of the sample company, joined to its invoices", () => {
  it("a hashed id beside time, amount and country finds people, and the gate stops it", async () => {
    await openDemo(
      policyWith({
        occurred_at: "keep",
        device_id: "{ unique: 'device-{random}' }",
        session_ref: "{ unique: 'session-{random}' }",
      }),
    );
    const before = await totals();
    await night.nightly();
    const { ATTACK_MATCHED: matched = 0 } = await states();
    expect(matched).toBeGreaterThan(people.length / 2);
    expect(await totals()).toEqual(before);
    // Of those who did go, too, nobody is found.
    for (const { one } of await attackStores(night.context)) expect(one).toBe(0);
  });

  it("months, means and no country leave nobody to be found, and every total of the quarter to the cent", async () => {
    await openDemo(
      policyWith({
        occurred_at: "{ truncate: month }",
        amount: "{ mean: [event] }",
        country: "{ set: null }",
        quasi: "[plan]",
        per: "quarter",
      }),
    );
    const before = await totals();
    await night.nightly();
    // A few have a month to themselves, or share a mean with fewer than five, and wait for others.
    const { completed = 0, ATTACK_MATCHED: alone = 0, ANONYMITY_BELOW: few = 0 } = await states();
    expect(completed).toBeGreaterThan((people.length * 3) / 4);
    expect(completed + alone + few).toBe(people.length);
    expect(await totals()).toEqual(before);
    const attacks = await attackStores(night.context);
    expect(attacks.map(({ one }) => one)).toEqual([0, 0]);
    expect(attacks[0]?.rows).toBeGreaterThan(100);
  });
});
