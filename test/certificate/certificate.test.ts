import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readCertified } from "#certificate/read-certified.ts";
import { writeCertificate } from "#certificate/write-certificate.ts";
import { backupsHolding } from "#db/holding-backups.ts";
import { withClient } from "#db/pool.ts";
import { factsOf } from "#evidence/certificate-facts.ts";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { refuseRequest } from "#intake/decide.ts";
import { appendEntries } from "#ledger/append.ts";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
import { languages } from "#letters/language.ts";
import { beginSnapshot } from "#report/collect.ts";
import { writeNights } from "#test/backups/repository-files.ts";
import { expectTamperEvident } from "#test/evidence/tamper.ts";
import type { Night } from "#test/execute/night.ts";
import { openCreditNotes } from "#test/letters/credit-notes.ts";

let night: Night;
let publicKey: string;
beforeEach(async () => {
  night = await openCreditNotes();
  publicKey = await readFile(night.keys.public, "utf8");
});
afterEach(() => night.dispose());

const write = (ref: string, name: string, language = "en", context = night.context) =>
  writeCertificate(context, ref, { directory: join(night.directory, name), language });

describe("a certificate of erasure", () => {
  test("says what the ledger's entries tell, proves each of them, and verifies with the public key alone", async () => {
    const [ada = "", ben = ""] = await night.ask(
      { email: "ada.canary@example.org" },
      { email: "ben.canary@example.org" },
    );
    await night.nightly();
    const written = await write(ada, "certificate");
    expect(written).toMatchObject({ request: ada, state: "erased" });
    const verified = await verifyBundle(written.directory, publicKey);
    expect(verified).toMatchObject({
      kind: "certificate",
      about: { request: ada },
      request: {
        state: "erased",
        received: "2026-11-02",
        due: "2026-12-02",
        outcomes: { shop: "retained" },
        clear: "2026-12-02",
        completed: null,
        inventories: [{ repository: "nightly", sets: 3 }],
      },
    });
    expect(verified.checks).toHaveLength(6);
    const texts = await Promise.all(
      (await readdir(written.directory)).map((name) => readFile(join(written.directory, name), "utf8")),
    );
    expect(texts).toHaveLength(written.entries + 4);
    const proofs = texts.filter((text) => text.startsWith("c2sp.org/tlog-proof@v1\n"));
    expect(proofs).toHaveLength(written.entries);
    const said = [
      ...texts,
      ...proofs.map((text) => Buffer.from(/^extra (.*)$/m.exec(text)?.[1] ?? "", "base64").toString()),
    ];
    expect(said.join("\n")).not.toMatch(/canary/);
    // Nothing of others.
    expect(said.join("\n")).not.toContain(ben);
  });

  test("tells backups as they go: until when they hold the person, and in the end that none does", async () => {
    const [ada = ""] = await night.ask({ email: "ada.canary@example.org" });
    await night.nightly();
    const first = await write(ada, "first");
    const json = async (directory: string) =>
      JSON.parse(await readFile(join(directory, "certificate.json"), "utf8")) as {
        backups: { left: readonly unknown[] };
      };
    expect((await json(first.directory)).backups.left).toMatchObject([
      { repository: "nightly", sets: 3, clearOn: "2026-12-02" },
    ]);
    await writeNights(join(night.directory, "backups"), 1, "2026-12-03");
    const later = night.at("2026-12-05T02:00:00Z");
    await night.nightly(later);
    const last = await write(ada, "last", "en", later);
    expect(last.state).toBe("completed");
    const verified = await verifyBundle(last.directory, publicKey);
    expect(verified).toMatchObject({
      request: {
        state: "completed",
        completed: expect.stringContaining("2026-12-05T02:0"),
        inventories: [{ sets: 1 }],
      },
    });
    expect(verified.checks).toHaveLength(7);
    expect((await json(last.directory)).backups.left).toEqual([]);
    // The earlier one is as good as it was.
    await verifyBundle(first.directory, publicKey);
  });

  test("waits for a checkpoint under which all that the ledger says of the request and of backups can be proven", async () => {
    const [ada = ""] = await night.ask({ email: "ada.canary@example.org" });
    await night.nightly();
    const checkpoint = await writeCheckpoint(night.context, null);
    const read = () =>
      withClient(night.context.state.pool, async (client) => {
        const certified = await readCertified(night.context, await beginSnapshot(client), ada, checkpoint);
        await client.query("rollback");
        return certified;
      });
    expect(await read()).toMatchObject({ facts: { state: "erased" } });
    await night.nightly(night.at("2026-11-03T02:00:00Z"));
    expect(await read()).toBeUndefined();
  });

  test("is tamper-evident in every file", async () => {
    const [ada = ""] = await night.ask({ email: "ada.canary@example.org" });
    await night.nightly();
    const { directory } = await write(ada, "certificate");
    expect(await expectTamperEvident(directory, publicKey, { samples: 40 })).toBeGreaterThan(400);
  });

  test("is written in every language, once, and of what is done only", async () => {
    const [ada = "", ben = "", cy = ""] = await night.ask(
      { email: "ada.canary@example.org" },
      { email: "ben.canary@example.org" },
      { email: "cy.canary@example.org" },
    );
    await refuseRequest(night.context, cy, { by: "dpo", reason: "excessive" });
    await expect(write(ben, "early")).rejects.toMatchObject({ code: "REQUEST_STATE" });
    await night.nightly();
    await expect(write(cy, "refused")).rejects.toMatchObject({ code: "REQUEST_STATE" });
    await expect(write("R-0000-0000-0000", "unknown")).rejects.toMatchObject({ code: "REQUEST_UNKNOWN" });
    for (const language of await languages()) {
      const { directory } = await write(ada, language, language);
      const page = await readFile(join(directory, "certificate.pdf"));
      expect(page.subarray(0, 5).toString("latin1")).toBe("%PDF-");
    }
    await expect(write(ada, "en")).rejects.toMatchObject({ code: "FILE_EXISTS" });
    expect((await readdir(night.directory)).filter((name) => /early|refused|unknown|partial/.test(name))).toEqual([]);
  });
});

test("of a request that was opened again the entries tell nothing to certify, and what was recorded before does not count", () => {
  const at = "2026-11-02T02:00:00.000Z";
  const meta = { at, run: "R1", request: "R-1" };
  const done = { outcomes: { shop: "erased" as const }, dispositions: [], remedied: [], stays: [] };
  const received = {
    ...meta,
    kind: "request.received" as const,
    received: "2026-11-01",
    due: "2026-12-01",
    basis: "GDPR",
    purpose: "erase",
  };
  const asked = { ...meta, kind: "task.recorded" as const, store: "shop", recipient: "mail", task: "delete", tasks: 2 };
  const erased = { ...meta, kind: "request.erased" as const, ...done, clear: null };
  const reopened = { ...meta, kind: "request.reopened" as const, store: "shop", code: "SUBJECT_ACTIVE" };
  expect(factsOf([received, asked, erased, reopened])).toBeUndefined();
  expect(factsOf([erased])).toBeUndefined();
  // Nor does a list of backups count that another night than that of the completion made.
  const inventory = { at, kind: "backup.inventory" as const, repository: "nightly", digest: "d", sets: 1, bytes: 1 };
  const listed = { ...inventory, oldest: "2026-11-30T02:00:00.000Z", log: null, verified: null };
  const completed = { ...meta, kind: "request.completed" as const };
  expect(
    factsOf([received, erased, { ...listed, run: "R1" }, completed, { ...listed, run: "R2", sets: 2 }])?.inventories,
  ).toMatchObject([{ run: "R1", sets: 1 }]);
  expect(factsOf([received, asked, erased, reopened, { ...asked, tasks: 1 }, erased])).toMatchObject({
    state: "erased",
    recipients: [{ recipient: "mail", asked: 1, done: 0 }],
  });
});

test("a request with thousands of entries is certified and verified like any other", async () => {
  const [ada = ""] = await night.ask({ email: "ada.canary@example.org" });
  await night.nightly();
  await night.context.state.db.transaction().execute((tx) =>
    appendEntries(
      tx,
      Array.from({ length: 3_000 }, () => ({
        kind: "task.settled" as const,
        request: ada,
        recipient: "mail",
        task: "delete",
        state: "done" as const,
        by: "dpo",
      })),
      { at: night.context.clock.now(), run: null },
    ),
  );
  const { directory, entries } = await write(ada, "long");
  expect(entries).toBeGreaterThan(3_000);
  expect(await verifyBundle(directory, publicKey)).toMatchObject({ kind: "certificate" });
});

test("of an archived request no day is told by which its backups are gone: the person is in those to come, too", async () => {
  const [ada = ""] = await night.ask({ email: "ada.canary@example.org" });
  await night.nightly();
  await night.state.query("update lethe.request set state = 'archived', erased_at = null");
  const { clearOn } = (await backupsHolding(night.context.state.db, night.context.config, ada))[0] ?? {};
  expect(clearOn).toBeNull();
});
