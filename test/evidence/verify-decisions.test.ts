import { expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { digestOf, type Json } from "#lib/canonical.ts";
import { makeBundle, type BundleChanges } from "#test/evidence/bundle.ts";
import { failure } from "#test/evidence/tamper.ts";

const exceptions = [{ store: "shop", table: "invoices", exception: "b", basis: "HGB §257", class: "voucher" }];
const digest = digestOf(exceptions);
const listed = { kind: "exceptions.listed", digest, exceptions };
const approved = { kind: "request.approved", request: "R-1", by: "ab", plan: "cd", ground: "b", exceptions: digest };
const late = { due: "2026-03-02", basis: "GDPR Art. 12(4)", days: 12 };
const claims = { reason: "legal-claims", exception: "e", citation: "ZPO §286", late };
const plain = { reason: "excessive", exception: null, citation: null, late: null };
const refused = { kind: "request.refused", request: "R-2", by: "ab", ...claims };
const refusedPlainly = { kind: "request.refused", request: "R-3", by: "ab", reason: "excessive" };
const honest = [listed, approved, { ...approved, request: "R-4" }, refused, refusedPlainly];

const items = [
  { ref: "R-1", state: "approved", exceptions: digest, refusal: null },
  { ref: "R-2", state: "refused", exceptions: null, refusal: claims },
  { ref: "R-3", state: "refused", exceptions: null, refusal: plain },
  // Refused before this bundle begins.
  { ref: "R-5", state: "refused", exceptions: null, refusal: claims },
];
const lists = [{ digest, requests: 1, exceptions }];
const counts = { received: 7, done: 3, refused: 1, withdrawn: 1, pending: 2, failed: 0, blocked: 1, overdue: 0 };

type Item = Omit<(typeof items)[number], "refusal"> & { readonly refusal: Json };

const bundleOf = (
  change: { readonly items?: readonly Item[]; readonly lists?: readonly (typeof lists)[number][] },
  events: BundleChanges["events"] = honest,
) => {
  const none = { requests: {}, stores: [], items: [] };
  const requests = { erased: 0, anonymised: 0, retained: 0, archived_with_pii: 0, scheduled: 0, blocked: 0, failed: 0 };
  return makeBundle({
    events,
    report: {
      requests: { counts, items: change.items ?? items },
      exceptionLists: change.lists ?? lists,
      outcomes: { ...none, requests },
      stays: { places: [], items: [] },
    },
  });
};

test("a report that tells decisions as the entries do verifies, and says how many", async () => {
  const bundle = await bundleOf({});
  const { checks } = await verifyBundle(bundle.directory, bundle.publicKeyPem);
  expect(checks).toContainEqual(expect.stringMatching(/^2 approvals lie beside the exceptions that they name/));
});

const withItem = (index: number, change: Partial<Item>): { items: readonly Item[] } => ({
  items: items.map((item, at) => (at === index ? { ...item, ...change } : item)),
});

test.each<[string, Parameters<typeof bundleOf>[0]]>([
  ["makes a late refusal one in time", withItem(1, { refusal: { ...claims, late: null } })],
  ["makes it less late", withItem(1, { refusal: { ...claims, late: { ...late, days: 1 } } })],
  ["makes one late that was in time", withItem(2, { refusal: { ...plain, late } })],
  ["gives another reason", withItem(2, { refusal: { ...plain, reason: "identity-not-proven" } })],
  ["cites another exception", withItem(1, { refusal: { ...claims, exception: "b" } })],
  ["cites another provision", withItem(1, { refusal: { ...claims, citation: "HGB §257" } })],
  ["says nothing of why", withItem(1, { refusal: null })],
  ["has somebody wait who was refused", withItem(1, { state: "received" })],
  ["leaves out why somebody was refused", withItem(1, { refusal: undefined as unknown as Json })],
  ["leaves out who was refused", { items: items.filter(({ ref }) => ref !== "R-2") }],
  ["lists somebody a second time, otherwise", { items: [...items, { ...items[1], state: "erased" } as Item] }],
  ["makes the list shorter than its digest", { lists: [{ digest, requests: 1, exceptions: [] }] }],
  ["has no list that an approval names", { lists: [] }],
  ["has a list that no approval names", withItem(0, { exceptions: null })],
  ["counts more requests for a list", { lists: [{ digest, requests: 2, exceptions }] }],
])("a report that %s does not verify, whoever signed it", async (_, change) => {
  expect(await failure(await bundleOf(change))).toMatchObject({
    code: "EVIDENCE_TAMPERED",
    place: { file: "report.json" },
  });
});

test.each<[string, BundleChanges["events"]]>([
  ["an approval without its list", [approved, refused, refusedPlainly]],
  ["a list that comes after its approval", [approved, listed, refused, refusedPlainly]],
  ["a list that is not the one of its digest", [{ ...listed, exceptions: [] }, refused, refusedPlainly]],
])("entries with %s do not verify, whoever signed them", async (_, events) => {
  expect(await failure(await bundleOf({}, events))).toMatchObject({
    code: "EVIDENCE_TAMPERED",
    place: { file: "entries.jsonl" },
  });
});

test("a bundle of before decisions were in reports verifies", async () => {
  const { exceptions: _, ...before } = approved;
  const bundle = await makeBundle({ events: [before, refused] });
  await verifyBundle(bundle.directory, bundle.publicKeyPem);
});
