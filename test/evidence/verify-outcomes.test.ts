import { expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import type { Json } from "#lib/canonical.ts";
import { makeBundle, type BundleChanges } from "#test/evidence/bundle.ts";
import { failure } from "#test/evidence/tamper.ts";

const email = { store: "shop", table: "customers", column: "email", rows: 1, why: "history", until: null };
const name = { store: "shop", table: "invoices", column: "name", rows: 4, why: "HGB §257", until: "2035-01-01" };
const archived = {
  kind: "request.archived",
  request: "R-1",
  outcomes: { crm: "erased", shop: "archived_with_pii" },
  stays: [email, name],
};
const erased = { kind: "request.erased", request: "R-2", outcomes: { shop: "retained" }, stays: [name] };

const { store: _, ...emailColumn } = email;
const { store: __, ...nameColumn } = name;
const items = [
  { ref: "R-1", store: "crm", outcome: "erased", left: 0, until: null },
  { ref: "R-1", store: "shop", outcome: "archived_with_pii", left: 2, until: null },
  { ref: "R-2", store: "shop", outcome: "retained", left: 1, until: "2035-01-01" },
  { ref: "R-3", store: "shop", outcome: "blocked", left: null, until: null },
];
const requests = { erased: 1, anonymised: 0, retained: 1, archived_with_pii: 1, scheduled: 0, blocked: 1, failed: 0 };
const stores = [
  { store: "crm", outcome: "erased", requests: 1 },
  { store: "shop", outcome: "retained", requests: 1 },
  { store: "shop", outcome: "archived_with_pii", requests: 1 },
  { store: "shop", outcome: "blocked", requests: 1 },
];
const outcomes = { requests, stores, items };
const stayItems = [
  { ref: "R-2", store: "shop", columns: [nameColumn] },
  { ref: "R-1", store: "shop", columns: [emailColumn, nameColumn] },
];
const places = [
  { ...email, requests: 1 },
  { ...name, rows: 8, requests: 2 },
];
const counts = { received: 7, done: 3, refused: 1, withdrawn: 1, pending: 2, failed: 0, blocked: 1, overdue: 0 };
const register = [
  { ref: "R-3", state: "blocked" },
  { ref: "R-2", state: "erased" },
];

const honest = {
  outcomes: outcomes,
  stays: { places, items: stayItems },
  requests: { counts, items: register },
};

const bundleOf = (report: NonNullable<BundleChanges["report"]>, events: BundleChanges["events"] = [archived, erased]) =>
  makeBundle({ report: { ...honest, ...report }, events });

test("a report that says of every request what the entries declare verifies", async () => {
  const bundle = await bundleOf({});
  const { checks } = await verifyBundle(bundle.directory, bundle.publicKeyPem);
  expect(checks.at(-1)).toMatch(/^2 requests ended as the ledger's entries declare/);
});

const withItem = (index: number, change: Record<string, Json>): Json => ({
  ...outcomes,
  items: items.map((item, at) => (at === index ? { ...item, ...change } : item)),
});
const withStays = (columns: readonly Json[]): Json => ({
  places,
  items: [stayItems[0] ?? null, { ref: "R-1", store: "shop", columns }],
});

test.each<[string, NonNullable<BundleChanges["report"]>]>([
  ["makes a better outcome of one", { outcomes: withItem(1, { outcome: "erased" }) }],
  ["makes another store of one", { outcomes: withItem(1, { store: "crm" }) }],
  ["says nothing of one", { outcomes: { ...outcomes, items: items.slice(1) } }],
  ["tells one twice", { outcomes: { ...outcomes, items: [...items, items[0] ?? null] } }],
  ["invents one", { outcomes: { ...outcomes, items: [...items, { ...items[0], ref: "R-9" }] } }],
  [
    "counts fewer who left personal data",
    { outcomes: { ...outcomes, requests: { ...requests, archived_with_pii: 0 } } },
  ],
  ["counts otherwise by store", { outcomes: { ...outcomes, stores: stores.slice(1) } }],
  ["makes less of what stays in short", { outcomes: withItem(1, { left: 1 }) }],
  ["sets a date in short where there is none", { outcomes: withItem(1, { until: "2035-01-01" }) }],
  [
    "leaves out who is blocked",
    {
      outcomes: {
        ...outcomes,
        items: items.slice(0, 3),
        requests: { ...requests, blocked: 0 },
        stores: stores.slice(0, 3),
      },
    },
  ],
  ["calls failed who is blocked", { requests: { counts, items: [{ ref: "R-3", state: "failed" }] } }],
  ["leaves out a column that stays", { stays: withStays([emailColumn]) }],
  ["has fewer rows stay", { stays: withStays([emailColumn, { ...nameColumn, rows: 3 }]) }],
  ["has them stay for less long", { stays: withStays([emailColumn, { ...nameColumn, until: "2031-01-01" }]) }],
  ["gives another reason", { stays: withStays([emailColumn, { ...nameColumn, why: "habit" }]) }],
  [
    "has something stay of a request that did not end",
    { stays: { places, items: [...stayItems, { ...stayItems[0], ref: "R-9" }] } },
  ],
  ["sums up less than stays", { stays: { places: places.slice(1), items: stayItems } }],
])("a report that %s does not verify, whoever signed it", async (_title, report) => {
  expect(await failure(await bundleOf(report))).toMatchObject({
    code: "EVIDENCE_TAMPERED",
    place: { file: "report.json" },
  });
});

test("a report without outcomes verifies only while the entries declare none", async () => {
  await expect(failure(await makeBundle({ events: [archived] }))).resolves.toMatchObject({ code: "EVIDENCE_TAMPERED" });
  const before = await makeBundle({ events: [{ kind: "request.erased", request: "R-1" }] });
  await verifyBundle(before.directory, before.publicKeyPem);
});

test("a request that was opened again has not ended, and what other runs declared is another report's", async () => {
  const reopened = { kind: "request.reopened", request: "R-1", store: "shop", code: "REACTIVATED" };
  const others = { ...archived, request: "R-7", run: "20261101T020000Z-ABCDEF" };
  const left = {
    outcomes: {
      requests: { ...requests, erased: 0, archived_with_pii: 0 },
      stores: [stores[1], stores[3]],
      items: items.slice(2),
    },
    stays: { places: [{ ...name, requests: 1 }], items: [stayItems[0]] },
  } as unknown as NonNullable<BundleChanges["report"]>;
  const bundle = await bundleOf(left, [archived, others, reopened, erased]);
  await verifyBundle(bundle.directory, bundle.publicKeyPem);
  expect(await failure(await bundleOf({}, [archived, others, reopened, erased]))).toMatchObject({
    message: expect.stringContaining("R-1"),
  });
});
