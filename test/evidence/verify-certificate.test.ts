import { expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import {
  completed,
  erased,
  inventory,
  makeCertificate,
  received,
  request,
  type CertificateChanges,
} from "#test/evidence/certificate.ts";
import { failure } from "#test/evidence/tamper.ts";

test("a certificate verifies from its directory and the public key alone, and tells what its entries do", async () => {
  const { directory, publicKeyPem } = await makeCertificate();
  expect(await verifyBundle(directory, publicKeyPem)).toMatchObject({
    kind: "certificate",
    about: { request },
    ledger: { head: { size: 4 } },
    request: { state: "erased", verified: { at: erased.at }, outcomes: { shop: "erased" } },
  });
});

test("a completed one verifies where the repositories that it quotes go back to after the erasure only", async () => {
  const good = [inventory("2026-11-03T02:00:00Z"), inventory(null), inventory("2026-11-02T02:00:00.001Z")];
  for (const each of good) {
    const { directory, publicKeyPem } = await makeCertificate({ events: [received, erased, each, completed] });
    expect(await verifyBundle(directory, publicKeyPem)).toMatchObject({ request: { state: "completed" } });
  }
  const back = "quotes a repository that goes back to before the erasure";
  // The same moment, in a form that comes later in the alphabet.
  for (const oldest of ["2026-11-01T02:00:00Z", "2026-11-02T02:00:00Z"]) {
    const events = [received, erased, inventory(oldest), completed];
    expect((await failure(await makeCertificate({ events }))).message).toContain(back);
  }
  const log = [received, erased, inventory("2026-11-03T02:00:00Z", "2026-11-01T00:00:00Z"), completed];
  expect((await failure(await makeCertificate({ events: log }))).message).toContain(back);
});

const other = { ...received, request: "R-0000-0000-0000" };
const reopened = { ...erased, kind: "request.reopened", store: "shop", code: "SUBJECT_ACTIVE" };
const lies: readonly (readonly [string, CertificateChanges, string, string])[] = [
  ["another outcome", { facts: { outcomes: { shop: "retained" } } }, "certificate.json", "says otherwise"],
  ["another state", { facts: { state: "completed" } }, "certificate.json", "says otherwise"],
  ["a fact that no entry tells", { facts: { searchedTwice: true } }, "certificate.json", "says otherwise"],
  [
    "facts of an entry that does not come with it",
    { proven: [1] },
    "certificate.json",
    "do not tell the request to be done",
  ],
  ["a request that was opened again", { events: [received, erased, reopened] }, "certificate.json", "do not tell"],
  ["another request's entries", { events: [received, erased, other] }, "certificate.json", "another request"],
  ["another request than is signed", { certificate: { request: "R-1" } }, "certificate.json", "another request"],
  [
    "another controller",
    { certificate: { controller: { name: "Shop AG" } } },
    "certificate.json",
    "another controller's",
  ],
  [
    "another head",
    { certificate: { ledger: { size: 4, root: "00", entries: [1, 3] } } },
    "certificate.json",
    "another head",
  ],
  ["other entries than come with it", { proven: [1, 2, 3] }, "entry-0000000002.tlog-proof", "another request"],
  [
    "an entry that is not in the ledger",
    { receipts: { 3: (proof) => proof.replace(/^extra .*$/m, "extra e30=") } },
    "entry-0000000003.tlog-proof",
    "does not prove",
  ],
  [
    "a receipt of another place",
    { receipts: { 3: (proof) => proof.replace("index 3", "index 2") } },
    "entry-0000000003.tlog-proof",
    "another entry than its name",
  ],
  [
    "a receipt under another checkpoint",
    { receipts: { 3: (proof) => proof.replace("\n4\n", "\n5\n") } },
    "entry-0000000003.tlog-proof",
    "another checkpoint",
  ],
  [
    "what is no receipt",
    { receipts: { 3: () => "c2sp.org/tlog-proof@v1\n" } },
    "entry-0000000003.tlog-proof",
    "is not a proof",
  ],
];

test.each(lies)("who holds the key cannot certify %s", async (_, changes, file, what) => {
  const error = await failure(await makeCertificate(changes));
  expect(error).toMatchObject({ code: "EVIDENCE_TAMPERED", exit: 4 });
  expect(error.message).toContain(what);
  expect([file, "certificate.json"]).toContain(error.place?.file);
});
