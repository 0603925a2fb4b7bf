import { afterEach, expect, test } from "vitest";
import { listText } from "#cli/request-text.ts";
import { showText } from "#cli/show-text.ts";
import { listRequests, type RequestLine } from "#intake/requests.ts";
import { showRequest } from "#intake/show.ts";
import type { Night, NightOptions } from "#test/execute/night.ts";
import { openShop, people } from "#test/report/night-of-outcomes.ts";

let night: Night;
afterEach(() => night.dispose());

const shownAfter = async (options: Partial<NightOptions> = {}): Promise<string> => {
  night = await openShop(options);
  const [ref = ""] = await night.ask(...people(1));
  await night.nightly();
  return showText(await showRequest(night.context, ref));
};

const expectFits = (text: string): void => {
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
};

test("show says what became of a request, what stays and why, what was remedied, and what others have to do", async () => {
  const text = await shownAfter();
  expectFits(text);
  expect(text).toContain("outcome        shop: archived_with_pii, personal data stays, because the policy says so\n");
  expect(text).toContain(
    [
      "Personal data that stays, in columns (rows)",
      "  shop.customers, no date set: the name is on parcels",
      "    name (1)",
      "  shop.invoices, until 2033-01-01: vouchers name the buyer",
      "    billing_name (1)",
      "",
      "Remedied, so that it need not wait",
      "  ACTIVE_SUBSCRIPTION: set columns in 1 row of shop.subscriptions",
      "",
      "What others have to do",
    ].join("\n"),
  );
  expect(text).toMatch(/^ +1 {2}Gateway +delete_payment_method +shop +open +2026-11-02T02:00:/m);
  expect(text).toMatch(/^shop\.invoices +retain +2 +0 +HGB §257 +2035-01-01 +\(b\)$/m);
  expect(text).not.toContain("tok-canary");
});

test("show names the backups that may still hold the person, and by when the last is gone or which hold keeps it", async () => {
  night = await openShop();
  const [ref = ""] = await night.ask(...people(1));
  const view = await showRequest(night.context, ref);
  const copy = { configured: true, store: "shop", logs: 0, newest: "2026-11-02", holds: [] };
  const text = showText({
    ...view,
    erasedAt: "2026-11-02T02:00:00.000Z",
    backupsClearOn: "2026-12-02",
    backups: [
      { ...copy, repository: "dumps", sets: 3, clearOn: "2026-12-02" },
      { ...copy, repository: "barn", sets: 1, logs: 1, clearOn: null, holds: ["H-7K3M-2QXA-9DTB"] },
      { ...copy, repository: "old", configured: false, sets: 2, clearOn: null },
    ],
  });
  expectFits(text);
  expect(text).toContain("backups clear  not by 2026-12-02: see below what keeps them");
  expect(text).toContain(
    [
      "Backups that may still hold it",
      "repository  store  backups  log  newest of   gone by",
      "dumps       shop         3       2026-11-02  2026-12-02",
      "barn        shop         1  yes  2026-11-02  hold H-7K3M-2QXA-9DTB",
      "old         shop         2       2026-11-02  not configured any more",
    ].join("\n"),
  );
});

test("show names all codes of a block, where and since when, and what to do", async () => {
  const text = await shownAfter({
    blockers: `
- code: CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS
  when: { table: subscriptions, status: active }
  then: block
  hint: cancel the subscription in the customer's name and tell them from when on, or wait until it ends by itself
- { code: CUSTOMER_HAS_INVOICES, when: { table: invoices, total: { gt: 0 } }, then: block }`,
  });
  expectFits(text);
  expect(text).toMatch(
    new RegExp(
      [
        String.raw`^code {11}CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS since 2026-11-02T02:00:.*Z`,
        " {15}CUSTOMER_HAS_INVOICES as well",
        String.raw`where {10}shop\.subscriptions, 1 row`,
        "what to do {5}cancel the subscription in the customer's name and tell them from when on, or wait",
        " {15}until it ends by itself$",
      ].join("\n"),
      "m",
    ),
  );
});

test("show and list say for when a request is scheduled", async () => {
  const text = await shownAfter({
    sections: "deletion: { mode: scheduled, grace: P30D }",
  });
  expectFits(text);
  expect(text).toMatch(/^scheduled for {2}2026-12-02T02:00:.*Z; until then it can be withdrawn$/m);
  const lines: RequestLine[] = [];
  for await (const line of listRequests(night.context)) lines.push(line);
  expectFits(listText(lines));
  expect(listText(lines)).toMatch(/ scheduled +2026-11-02 +2026-12-02 +30 {2}due 2026-12-02T02:00:.*Z$/m);
});
