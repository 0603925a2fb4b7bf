import { readFile } from "node:fs/promises";
import { join } from "node:path";
import exceljs from "exceljs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { refuseRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { digestOf } from "#lib/canonical.ts";
import { reportDocument, type ReportDocument } from "#report/report-document.ts";
import { edit, resign } from "#test/evidence/bundle.ts";
import { failure } from "#test/evidence/tamper.ts";
import type { Night } from "#test/execute/night.ts";
import { openShop, people } from "#test/report/night-of-outcomes.ts";

let night: Night;
let directory: string;
let approved: readonly string[];
let refused: string;

/** A night with two approvals under one list of exceptions, and a refusal twelve days late. */
beforeEach(async () => {
  night = await openShop();
  approved = await night.ask(...people(2).map((person) => ({ ...person, ground: "b" })));
  refused = (await addRequest(night.context, { email: "p3@shop.example", received: "2026-09-21" })).ref;
  await refuseRequest(night.context, refused, { by: "dpo", reason: "legal-claims", citation: "ZPO §286" });
  directory = (await night.nightly()).report ?? "";
});
afterEach(() => night.dispose());

const reported = async (): Promise<ReportDocument> =>
  reportDocument.parse(JSON.parse(await readFile(join(directory, "report.json"), "utf8")));

const exceptions = [{ store: "shop", table: "invoices", exception: "b", basis: "HGB §257", class: "voucher" }];
const late = { due: "2026-10-21", basis: "GDPR Art. 12(4)", days: 12 };

test("the report says of each request on which ground and exceptions it was approved, or why and how late it was refused, and verifies", async () => {
  const { requests, exceptionLists } = await reported();
  const digest = digestOf(exceptions);
  expect(exceptionLists).toEqual([{ digest, requests: 2, exceptions }]);
  const item = (ref: string) => requests.items.find((each) => each.ref === ref);
  for (const ref of approved) expect(item(ref)).toMatchObject({ ground: "b", exceptions: digest, refusal: null });
  expect(item(refused)).toMatchObject({
    state: "refused",
    daysLeft: null,
    exceptions: null,
    refusal: { reason: "legal-claims", exception: "e", citation: "ZPO §286", late },
  });
  const { checks } = await verifyBundle(directory, await readFile(night.keys.public, "utf8"));
  expect(checks).toContainEqual(expect.stringMatching(/^2 approvals lie beside the exceptions that they name/));
});

test("the workbook has the exceptions by table, and the days by which a refusal is late", async () => {
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(join(directory, "report.xlsx"));
  const rows = (name: string): unknown[][] =>
    (workbook.getWorksheet(name)?.getRows(1, 40) ?? []).map((row) => (row.values as unknown[]).slice(1));
  expect(rows("Retained")).toContainEqual(["shop", "invoices", "b", 2, "HGB §257", "voucher"]);
  expect(rows("Retained")).toContainEqual([
    "shop",
    "invoices",
    3,
    2,
    "HGB §257",
    expect.any(Date),
    expect.any(Date),
    "b",
  ]);
  const row = rows("Requests").find(([ref]) => ref === refused);
  expect(row?.[4]).toBe(-12);
  expect(row?.[15]).toBe("legal-claims, Art. 17(3)(e), ZPO §286; told after 2026-10-21 (GDPR Art. 12(4))");
});

test.each([
  ["how late a refusal was", '"days":12', '"days":2'],
  ["what a refusal rests on", '"citation":"ZPO §286"', '"citation":"BGB §195"'],
  ["what an approval left in place", '"class":"voucher"', '"class":"book"'],
])("%s, changed after the night, is found even under the controller's own signature", async (_, was, is) => {
  const { signing, signingId: keyId } = night.context.keys;
  const bundle = { directory, publicKeyPem: await readFile(night.keys.public, "utf8"), signing, keyId };
  await edit(bundle, "report.json", (text) => text.replace(was, is));
  await resign(bundle);
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "report.json" } });
});
